import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chromiumPath } from "./chromium.ts";
import { root } from "./repository.ts";
import { command, type Outcome, runGroups, type Step, summary } from "./steps.ts";

const node = (code: string) => command(process.execPath, ["-e", code], { cwd: root, live: false });
const step = (title: string, outcome: Outcome, needs: string[] = []): Step => ({
  title,
  needs,
  run: () => Promise.resolve(outcome),
});

describe("a run of checks", () => {
  test("goes on after a failure and fails", async () => {
    const first = { title: "first", run: () => node("console.log('the reason'); process.exit(3)") };
    let written = "";
    const finished = await runGroups([[first, step("second", { status: "passed" })]], 2, (text) => {
      written += text;
    });
    expect(finished.map(({ outcome }) => outcome.status).sort()).toEqual(["failed", "passed"]);
    expect(written).toMatch(/the reason[\s\S]*exit code 3[\s\S]*FAILED/);
    expect(summary(finished, false)).toMatchObject({ passed: false, text: expect.stringContaining("1 of 2 failed") });
  });

  test("fails for a command that can't start, and for a step that throws", async () => {
    const unknown = await command(join(root, "no-such-program"), [], { cwd: root, live: false });
    expect(unknown).toMatchObject({ status: "failed", output: expect.stringContaining("did not start") });
    const broken = { title: "broken", run: () => Promise.reject(new Error("the cause")) };
    const [finished] = await runGroups([[broken]], 1, () => {});
    expect(finished?.outcome).toMatchObject({ status: "failed", output: expect.stringContaining("the cause") });
  });

  test("doesn't run what depends on a failure, and counts it as failed", async () => {
    const groups = [[step("build", { status: "failed" })], [step("publint", { status: "passed" }, ["build"])]];
    const finished = await runGroups(groups, 2, () => {});
    expect(finished.map(({ outcome }) => outcome.status)).toEqual(["failed", "failed"]);
    expect(finished[1]?.outcome).toMatchObject({ output: expect.stringContaining("build") });
  });

  test("names what enables a skipped group, and fails it only if everything is required", async () => {
    const finished = await runGroups([[step("browser", { status: "skipped", enable: "install one" })]], 1, () => {});
    expect(summary(finished, false)).toMatchObject({ passed: true, text: expect.stringContaining("install one") });
    expect(summary(finished, true).passed).toBe(false);
  });
});

describe("the browser to drive", () => {
  test("is the one PORTCULLIS_CHROMIUM names, or an error if that isn't there", () => {
    expect(chromiumPath({ PORTCULLIS_CHROMIUM: process.execPath })).toBe(process.execPath);
    expect(() => chromiumPath({ PORTCULLIS_CHROMIUM: join(root, "nowhere") })).toThrow(/doesn't exist/);
  });

  // Skipped on macOS and Windows: their usual places count whatever PATH says.
  test.runIf(process.platform === "linux")(
    "is null where none is installed, and an error where all is required",
    () => {
      expect(chromiumPath({ PATH: join(root, "scripts") })).toBeNull();
      expect(() => chromiumPath({ PATH: join(root, "scripts"), REQUIRE_ALL: "1" })).toThrow(
        /Chromium is not installed/,
      );
    },
  );
});
