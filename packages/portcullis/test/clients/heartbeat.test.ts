/** Clients notice a connection that is only half there, by the heartbeats nobody answers any more. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answer, connect, disconnectAll, joined } from "./client.ts";
import { startRelay } from "./relay.ts";
import { startServer, type TestServer } from "./server.ts";
import { worldsThat } from "./world.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await disconnectAll();
  await server.close();
});

// Together, because a client takes a second and a half to give up a connection that doesn't close.
describe.concurrent.each(worldsThat("heartbeatTimeout"))("$name, vsn $vsn", (world) => {
  test("gives up a connection that has fallen silent, comes back and rejoins", async ({ onTestFinished }) => {
    const relay = await startRelay(server.openUrl);
    onTestFinished(() => relay.close());
    const client = connect(world, relay.url, { heartbeatIntervalMs: 400 });
    const { channel, joins } = await joined(client, "room:silence", { seat: 2 });
    await client.messages.find(({ topic }) => topic === "phoenix");
    expect(client.opens.all).toHaveLength(1);

    relay.hush();
    expect(await joins.next()).toEqual({ status: "ok", response: { welcome: "silence", params: { seat: 2 } } });
    expect(client.opens.all.length).toBeGreaterThan(1);
    expect(await answer(channel.push("echo", { n: 1 }))).toEqual({ status: "ok", response: { n: 1 } });
  });
});
