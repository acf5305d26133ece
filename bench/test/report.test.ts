/** What is printed follows from the runs, and the committed page from the committed results. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readOptions } from "../src/options.ts";
import { barTable, latenessTable } from "../src/report/bars.ts";
import { toMarkdown } from "../src/report/markdown.ts";
import { pageOf, plotsOf } from "../src/report/page.ts";
import { plots } from "../src/report/plots.ts";
import { toTerminal } from "../src/report/terminal.ts";
import { warningsOf } from "../src/report/warnings.ts";
import type { Results, Run } from "../src/runner/results.ts";
import { plan } from "../src/runner/schedule.ts";
import { median, ratios } from "../src/runner/statistics.ts";
import type { ServerName } from "../src/servers/catalogue.ts";
import { workloadsOf } from "../src/workloads.ts";

const committed = fileURLToPath(new URL("../results", import.meta.url));

test("the page is what the committed results say", () => {
  if (existsSync(committed)) {
    expect(readFileSync(new URL("../README.md", import.meta.url), "utf8")).toBe(pageOf(committed));
    for (const [name, svg] of plotsOf(committed)) {
      expect(readFileSync(join(committed, name), "utf8")).toBe(svg);
    }
  }
});

test("runs are interleaved, and a server only meets the workloads it is meant for", () => {
  const workloads = workloadsOf("full")
    .filter(({ name }) => name === "echo" || name === "broadcast-1")
    .map((named) => ({ ...named, repeats: 3 }));
  const planned = plan(workloads, ["portcullis", "naive-ws", "ws-encode-once"]).map(
    ({ named, server, repeat }) => `${named.name} ${server} ${repeat}`,
  );
  expect(planned.slice(0, 4)).toEqual(["echo portcullis 1", "echo naive-ws 1", "echo portcullis 2", "echo naive-ws 2"]);
  expect(planned.slice(6, 10)).toEqual([
    "broadcast-1 portcullis 1",
    "broadcast-1 naive-ws 1",
    "broadcast-1 ws-encode-once 1",
    "broadcast-1 portcullis 2",
  ]);
});

test("medians and ratios of neighbouring runs", () => {
  expect(median([5, 1, 9])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
  expect(ratios([1, 2, 30], [2, 2, 10])).toEqual({ median: 1, min: 0.5, max: 3 });
});

describe("the report", () => {
  const sound = resultsOf([run("portcullis", 3000, 0), run("naive-ws", 6000, 0)]);

  test("gives CPU per operation, rates and the ratio", () => {
    for (const text of [toMarkdown(sound), toTerminal(sound)]) {
      expect(text).toContain("3.00 µs");
      expect(text).toContain("6.00 µs");
      expect(text).toContain("0.50 (0.50–0.50)");
    }
    expect(toMarkdown(sound)).toContain("333,333");
    expect(warningsOf(sound)).toEqual([]);
  });

  test("says that messages were lost, that the generator was full, that others used the machine", () => {
    const warnings = warningsOf(resultsOf([run("portcullis", 3000, 7), run("naive-ws", 6000, 0, 990_000, 200_000)]));
    expect(warnings.join("\n")).toMatch(/Provisional.*saturated.*naive `ws` \(99 %.*against Portcullis: 7 lost/s);
  });

  test("says whether a bar is met", () => {
    const against = (ratio: number): Results => {
      const runs = [run("portcullis", ratio * 1000, 0), run("socket.io", 1000, 0)];
      return { ...resultsOf(runs), servers: ["portcullis", "socket.io"] };
    };
    expect(barTable(against(0.85))).toMatch(/over Socket\.IO.*Push and reply \| .*at most 0\.85: met/s);
    expect(barTable(against(0.86))).toMatch(/at most 0\.85: \*\*not met\*\*/);
  });

  test("shows what was not delivered in time, and who was later", () => {
    const late = { offered: 2000, lost: 900, latency: { samples: 1, p50Us: 10, p99Us: 50 } };
    const offered = { ...run("naive-ws", 6000, 0), ...late, workload: "offered-200" };
    const intime = { ...run("portcullis", 3000, 0), offered: 1000, workload: "offered-200" };
    const results = {
      ...resultsOf([intime, offered]),
      workloads: workloadsOf("full").filter(({ name }) => name === "offered-200"),
    };
    expect(latenessTable(results)).toMatch(/Portcullis \| 100 %.*naive.*\| 50\.0 %.*\| 900 \| yes/s);
    expect(warningsOf(results)).toEqual([]);
    expect(plots(results).map(([file]) => file)).toEqual(["open-loop.svg"]);
  });

  test("has no figure of a server whose CPU nobody could read", () => {
    const unknown = { ...run("portcullis", 0, 0), serverCpu: null };
    const text = toMarkdown(resultsOf([unknown, run("naive-ws", 6000, 0)]));
    expect(text).toContain("| Portcullis | – |");
    expect(text).not.toContain("NaN");
  });

  test("names no machine", () => {
    expect(Object.keys(sound.machine)).toEqual(["processor", "cores", "memoryGiB", "system", "kernel", "node"]);
  });
});

test("options are checked before anything runs", () => {
  expect(() => readOptions(["--servers", "apache"])).toThrow(
    /Expected `--servers` to list some of portcullis, .*; got "apache"/,
  );
  expect(() => readOptions(["--scale", "huge"])).toThrow(/full, quick or smoke, got "huge"/);
  expect(() => readOptions(["--servers", "phoenix"])).toThrow(/Phoenix: `--phoenix-url` says where one is/);
  expect(() => readOptions(["--phoenix-url", "http://x"])).toThrow(/like ws:.* got "http:\/\/x"/);
  expect(() => readOptions(["--phoenix-url", "ws://x/s", "--phoenix-pid", "0"])).toThrow(/number, got "0"/);
  expect(readOptions(["--phoenix-url", "ws://x:1/socket", "--phoenix-pid", "7"])).toMatchObject({
    servers: expect.arrayContaining(["phoenix"]),
    external: { url: "ws://x:1/socket", pid: 7 },
    only: ["comparison"],
  });
  expect(() => readOptions(["--repeats", "0"])).toThrow(/whole number above 0/);
  expect(() => readOptions(["--only", "storm"])).toThrow(/some of comparison, presence-storm, avalanche; got "storm"/);
  expect(readOptions(["--only", "avalanche,presence-storm"]).only).toEqual(["presence-storm", "avalanche"]);
  expect(readOptions(["--servers", "portcullis"]).only).toEqual(["comparison"]);
  expect(readOptions(["--quick", "--workloads", "echo", "--repeats", "2"]).workloads).toMatchObject([
    { name: "echo", repeats: 2 },
  ]);
});

function resultsOf(runs: readonly Run[]): Results {
  return {
    measuredAt: "2026-01-01T00:00:00.000Z",
    scale: "full",
    machine: { processor: "test", cores: 2, memoryGiB: 4, system: "test", kernel: "1", node: "v20.0.0" },
    pinned: true,
    loadAtStart: 0,
    versions: { ws: "8.0.0" },
    workloads: workloadsOf("full").filter(({ name }) => name === "echo"),
    servers: ["portcullis", "naive-ws"],
    skipped: [],
    runs,
  };
}

function run(server: ServerName, serverUs: number, lost: number, generatorUs = 1000, othersCpuUs = 0): Run {
  return {
    workload: "echo",
    server,
    repeat: 1,
    wallMs: 1000,
    serverCpu: { userUs: serverUs, systemUs: 0 },
    generatorBusyUs: generatorUs,
    othersCpuUs,
    operations: 1000,
    lost,
    wrong: 0,
    checked: 1,
    latency: { samples: 1, p50Us: 10, p99Us: 20 },
    memory: null,
    offered: null,
    undisturbed: null,
    stalled: null,
    lastWords: "",
  };
}
