/** A server makes room for the next one: clients are let go, find it at the same address, and have what they had. */
import { afterEach, describe, expect, test } from "vitest";
import { answer, connect, disconnectAll, joined, received } from "./client.ts";
import { startRelay } from "./relay.ts";
import { salt, startServer } from "./server.ts";
import { worlds } from "./world.ts";

afterEach(disconnectAll);

describe.each(worlds)("$name, vsn $vsn", (world) => {
  test("moves from a server that drains to the next one", async ({ onTestFinished }) => {
    const [first, second] = [await startServer(), await startServer()];
    const relay = await startRelay(first.openUrl);
    onTestFinished(async () => {
      await Promise.all([first.close(), second.close()]);
      await relay.close();
    });
    const client = connect(world, relay.url);
    const idle = connect(world, relay.url);
    const someone = connect(world, relay.url.replace("/open", "/private"), {
      params: { token: first.endpoint.tokens.sign(salt, "ada") },
    });
    await idle.opens.next();
    const { channel, joins } = await joined(client, "room:moving", { seat: 3 });
    const me = await joined(someone, "me");
    const shouted = received(channel, "shouted");

    const drained = first.endpoint.drain();
    for (const { closes } of [client, idle, someone]) expect(await closes.next()).toBe(1012);
    // Whoever came too early was refused.
    relay.leadTo(second.openUrl);
    await drained;

    expect(await joins.next()).toEqual({ status: "ok", response: { welcome: "moving", params: { seat: 3 } } });
    expect(await answer(channel.push("echo", { n: 1 }))).toEqual({ status: "ok", response: { n: 1 } });
    second.endpoint.broadcast("room:moving", "shouted", { by: "the next one" });
    expect(await shouted.next()).toEqual({ by: "the next one" });
    await me.joins.next();
    expect(await answer(me.channel.push("whoami"))).toEqual({ status: "ok", response: { userId: "ada" } });
    await idle.opens.find(() => idle.opens.all.length === 2);
    expect(first.endpoint.connectionCount).toBe(0);
    expect(second.endpoint.connectionCount).toBe(3);
  });
});
