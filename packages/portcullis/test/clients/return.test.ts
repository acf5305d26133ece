/** Clients come back by themselves: after a lost connection, a crashed channel, a disconnect by the server. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Answer, answer, connect, disconnectAll, joined, received } from "./client.ts";
import { salt, startServer, type TestServer } from "./server.ts";
import { worlds } from "./world.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterEach(disconnectAll);
afterAll(() => server.close());

describe.each(worlds)("$name, vsn $vsn", (world) => {
  test("comes back after a lost connection, rejoins and sends what waited", async () => {
    const client = connect(world, server.openUrl);
    const { channel, joins } = await joined(client, "room:lost", { seat: 7 });
    const shouted = received(channel, "shouted");
    const echoed = server.echoed.length;
    const by = `${world.name}, vsn ${world.vsn}`;
    const waiting = new Promise<Promise<Answer>[]>((resolve) => {
      client.socket.onClose(() => resolve([1, 2, 3].map((n) => answer(channel.push("echo", { by, n })))));
    });

    server.cut();
    expect(await client.closes.next()).toBe(1006);
    const replies = await Promise.all(await waiting);

    expect(client.opens.all).toHaveLength(2);
    // The rejoin carries the params of the first join.
    expect(joins.all).toEqual(Array(2).fill({ status: "ok", response: { welcome: "lost", params: { seat: 7 } } }));
    const sent = [1, 2, 3].map((n) => ({ by, n }));
    expect(replies).toEqual(sent.map((response) => ({ status: "ok", response })));
    expect(server.echoed.slice(echoed)).toEqual(sent);
    server.endpoint.broadcast("room:lost", "shouted", { to: "whoever is back" });
    expect(await shouted.next()).toEqual({ to: "whoever is back" });
    expect(shouted.all).toHaveLength(1);
  });

  test("rejoins a channel that crashed; the connection and its other channels notice nothing", async () => {
    const client = connect(world, server.openUrl);
    const { channel, joins } = await joined(client, "room:crash");
    const bystander = await joined(client, "room:bystander");
    const crashed = new Promise((resolve) => channel.onError(resolve));
    const before = server.seen.all.length;

    channel.push("crash");
    await crashed;
    expect(await joins.next()).toMatchObject({ status: "ok" });
    expect(await answer(channel.push("echo", { n: 1 }))).toEqual({ status: "ok", response: { n: 1 } });
    expect(await answer(bystander.channel.push("echo", { n: 2 }))).toEqual({ status: "ok", response: { n: 2 } });
    expect(bystander.joins.all).toHaveLength(1);
    expect(client.closes.all).toEqual([]);
    const crashes = server.seen.all.slice(before).filter(({ name }) => name === "channel.crashed");
    expect(crashes).toMatchObject([{ mount: "/open", pattern: "room:{name}", error: new Error("on purpose") }]);
  });

  test("comes back after the server has disconnected it, and nobody else is touched", async () => {
    const tokenOf = (userId: string): string => server.endpoint.tokens.sign(salt, userId);
    const ada = connect(world, server.privateUrl, { params: { token: tokenOf("ada") } });
    const adaElsewhere = connect(world, server.privateUrl, { params: { token: tokenOf("ada") } });
    const bob = connect(world, server.privateUrl, { params: { token: tokenOf("bob") } });
    const me = await joined(ada, "me");
    await joined(adaElsewhere, "me");
    const bobs = await joined(bob, "me");

    server.endpoint.disconnect("users:ada");
    expect(await ada.closes.next()).toBe(1001);
    expect(await adaElsewhere.closes.next()).toBe(1001);
    await me.joins.next();
    expect(await answer(me.channel.push("whoami"))).toEqual({ status: "ok", response: { userId: "ada" } });
    expect(await answer(bobs.channel.push("whoami"))).toEqual({ status: "ok", response: { userId: "bob" } });
    expect(bob.closes.all).toEqual([]);
  });
});
