/** Deploys, tiny: that all come back and nothing acknowledged is lost, and that it would be noticed if not. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineEndpoint, defineSocket, silentLogger } from "portcullis";
import { afterEach, describe, expect, test } from "vitest";
import { Clients } from "../src/avalanche/clients.ts";
import { audit, Ledger } from "../src/avalanche/ledger.ts";
import { measureDeploy, mostWithin } from "../src/avalanche/measure.ts";
import { avalanchePlan, type Deploy } from "../src/avalanche/plan.ts";
import { reconnectAfterMs } from "../src/avalanche/returning-client.ts";
import { benchSecretKeyBase } from "../src/scenario.ts";

const fromSource = { nodeArguments: ["--import", "tsx", "--conditions=portcullis-source"] };
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const { generators, deploys } = avalanchePlan("smoke");

test.each(deploys)(
  "after a deploy ($succession, drain $drain) all are back, and nothing acknowledged is lost",
  async (deploy) => {
    const run = await measureDeploy(deploy, generators, fromSource);
    expect(run).toMatchObject({ back: deploy.clients, gaveUp: 0, pushes: { lost: 0 } });
    // Each before it was sent away, and each after it came back.
    expect(run.pushes.acknowledged).toBeGreaterThanOrEqual(2 * deploy.clients);
    expect(run.acceptsPerTenth.reduce((sum, count) => sum + count, 0)).toBe(deploy.clients);
    expect(run.attempts).toBeGreaterThanOrEqual(deploy.clients);
    if (deploy.succession === "restart") expect(run.newListeningMs).toBeGreaterThan(run.oldGoneMs);
    else expect(run.newListeningMs).toBeLessThanOrEqual(0);
  },
  60_000,
);

describe("clients whose server", () => {
  const deploy: Deploy = { succession: "restart", drain: null, clients: 3, pushEveryMs: 5, patienceMs: 400 };
  const socket = defineSocket();
  const channels = [socket.channel("room:{name}", { authorize: "everyone" }).on({ note: () => ({}) })];
  const listening = async () => {
    const endpoint = defineEndpoint({
      secretKeyBase: benchSecretKeyBase,
      logger: silentLogger,
      sockets: { "/socket": { socket, channels } },
    });
    const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
    closing.push(() => endpoint.close());
    const clients = new Clients({ deploy, port, share: { index: 0, of: 1 } });
    await clients.gather();
    return { endpoint, clients };
  };

  test("never comes back have given up", async () => {
    const { endpoint, clients } = await listening();
    await endpoint.close();
    const outcome = await clients.allBack();
    expect(outcome).toMatchObject({ returns: [], gaveUp: 3 });
    expect(outcome.attempts).toBeGreaterThan(3);
    expect(outcome.acknowledged.every(([, pushes]) => pushes > 0)).toBe(true);
  });

  test("never goes are not counted as back", async () => {
    const { clients } = await listening();
    expect(await clients.allBack()).toMatchObject({ returns: [], gaveUp: 3, attempts: 0 });
  });
});

test("the audit finds what was acknowledged and is not in the ledger, and what is in it twice", () => {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-ledger-"));
  closing.push(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "ledger");
  const ledger = new Ledger(path);
  for (const [client, sequence] of [
    [7, 1],
    [7, 3],
    [7, 3],
    [8, 1],
  ] as const) {
    ledger.write({ client, sequence });
  }
  const acknowledged = new Map([
    [7, 3],
    [8, 1],
    [9, 1],
  ]);
  expect(audit(path, acknowledged)).toEqual({ acknowledged: 5, lost: 2, repeated: 1 });
});

test("the peak is the most within any stretch, not within the stretches of a clock", () => {
  expect(mostWithin([0, 900, 950, 1_050, 1_800, 5_000], 1_000)).toBe(4);
  expect(mostWithin([], 1_000)).toBe(0);
});

test("a client waits as long as phoenix.js does", () => {
  expect([1, 2, 7, 9, 10, 11].map(reconnectAfterMs)).toEqual([10, 50, 500, 2_000, 5_000, 5_000]);
});
