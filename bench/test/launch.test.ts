import { describe, expect, test } from "vitest";
import { launch } from "../src/runner/launch.ts";
import { serverEntry, serverNames } from "../src/servers/catalogue.ts";
import { isInstalled } from "../src/servers/peers.ts";
import { workloadsOf } from "../src/workloads.ts";

const fromSource = { nodeArguments: ["--import", "tsx", "--conditions=portcullis-source"] };

test.each(["naive-ws", "portcullis-workers"] as const)(
  "%s and generator run, and end, in processes of their own",
  async (server) => {
    const [named] = workloadsOf("smoke").filter(({ name }) => name === "broadcast-1");
    if (named === undefined) {
      throw new Error("The workload has another name now.");
    }
    const outcome = await launch(server, named.workload, fromSource);
    expect(outcome).toMatchObject({ lost: 0, wrong: 0 });
    // So little work may fall between two ticks of the accounting: that it was read is all one can ask for.
    expect(outcome.serverCpu).toEqual({ userUs: expect.any(Number), systemUs: expect.any(Number) });
  },
  20_000,
);

const installed = serverNames.filter((name) => {
  const { peer } = serverEntry(name);
  return peer !== undefined && isInstalled(peer);
});

// Nobody has to have the peers: where none is installed there is nothing here to run, and nothing is missed.
describe("peers that are installed", () => {
  test("are among those the catalogue knows", () => {
    expect(["portcullis-node-26", "uws", "bun"]).toEqual(expect.arrayContaining(installed));
  });

  for (const name of installed) {
    test(`${name} loses nothing`, async () => {
      for (const wanted of ["connect", "echo", "broadcast-10", "chat", "memory"]) {
        const named = workloadsOf("smoke").find((candidate) => candidate.name === wanted);
        const outcome = named && (await launch(name, named.workload, fromSource));
        expect(outcome).toMatchObject({ lost: 0, wrong: 0, lastWords: "" });
      }
    }, 60_000);
  }
});

test("a process that fails is an error that says which", async () => {
  const broken = { nodeArguments: ["--import", "data:text/javascript,process.exit(3)"] };
  await expect(launch("naive-ws", { kind: "memory", connections: 1, settleMs: 0 }, broken)).rejects.toThrow(
    "The naive-ws process ended (code 3) before it answered",
  );
});
