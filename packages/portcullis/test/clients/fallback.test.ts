/** Clients whose network lets no WebSocket through go over to long-poll by themselves, and remember it. */
import type { SocketOptions } from "phoenix";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answer, type Client, connect, disconnectAll, joined, received } from "./client.ts";
import { type Relay, startRelay, type Upgrades } from "./relay.ts";
import { salt, startServer, type TestServer } from "./server.ts";
import { type World, worldsThat } from "./world.ts";
import { offer } from "./xml-http-request.ts";

let server: TestServer;
let relay: Relay;
beforeAll(async () => {
  server = await startServer();
});
beforeEach(async () => {
  offer("xhr");
  relay = await startRelay(server.openUrl);
});
afterEach(async () => {
  await disconnectAll();
  await relay.close();
});
afterAll(() => server.close());

const fallBack = (world: World, options: SocketOptions = {}, url = relay.url): Client =>
  connect(world, url, { longPollFallbackMs: 200, sessionStorage: memory(), ...options });

/** What clients use of a browser's sessionStorage. */
interface Memory {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

function memory(): Memory {
  const items = new Map<string, string>();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
}

const isPolling = (world: World, { socket }: Client): boolean =>
  world.LongPoll !== undefined && socket.conn instanceof world.LongPoll;

describe.each(worldsThat("fallback"))("$name", (world) => {
  test.each<[string, Upgrades]>([
    ["refused", "refuse"],
    ["never answered", "ignore"],
  ])("goes over to long-poll where upgrades are %s: joins, pushes, hears", async (_name, upgrades) => {
    relay.upgrades(upgrades);
    const client = fallBack(world);
    const { channel } = await joined(client, "room:fallback", { seat: 5 });
    expect(isPolling(world, client)).toBe(true);
    expect(await answer(channel.push("echo", { n: 1 }))).toEqual({ status: "ok", response: { n: 1 } });
    const other = await joined(connect(world, server.openUrl), "room:fallback");
    const heard = [channel, other.channel].map((each) => received(each, "shouted"));
    channel.push("shout", { by: "the poller" });
    other.channel.push("shout", { by: "the other" });
    for (const inbox of heard) {
      const said = [await inbox.next(), await inbox.next()] as { by: string }[];
      expect(said.map(({ by }) => by).sort()).toEqual(["the other", "the poller"]);
    }
  });

  test("remembers it: the next client of the page tries no WebSocket, another page's does", async () => {
    relay.upgrades("refuse");
    const sessionStorage = memory();
    await joined(fallBack(world, { sessionStorage }), "room:memory");
    expect(sessionStorage.getItem("phx:fallback:LongPoll")).toBe("true");
    const before = relay.upgradesSeen;
    expect(before).toBeGreaterThan(0);

    relay.upgrades("pass");
    const remembering = fallBack(world, { sessionStorage });
    await joined(remembering, "room:memory");
    expect(isPolling(world, remembering)).toBe(true);
    expect(relay.upgradesSeen).toBe(before);

    const fresh = fallBack(world);
    await joined(fresh, "room:memory");
    expect(isPolling(world, fresh)).toBe(false);
    expect(relay.upgradesSeen).toBe(before + 1);
  });

  test("stays with its WebSocket where that works, and remembers nothing", async () => {
    const sessionStorage = memory();
    const client = fallBack(world, { sessionStorage, longPollFallbackMs: 5_000 });
    // The client asks for an answer before it trusts the connection.
    await client.messages.find(({ topic }) => topic === "phoenix");
    await joined(client, "room:primary");
    expect(isPolling(world, client)).toBe(false);
    expect(sessionStorage.getItem("phx:fallback:LongPoll")).toBe(null);
  });

  test("goes over where a WebSocket opens and then says nothing", async () => {
    relay.upgrades("mute");
    const client = fallBack(world);
    const { channel } = await joined(client, "room:mute");
    expect(isPolling(world, client)).toBe(true);
    expect(await answer(channel.push("echo", { n: 2 }))).toEqual({ status: "ok", response: { n: 2 } });
  });
});

describe.each(worldsThat("fallback", "fetch"))("$name, where there is fetch alone", (world) => {
  test("goes over to long-poll", async () => {
    offer("fetch");
    relay.upgrades("refuse");
    const client = fallBack(world);
    const { channel } = await joined(client, "room:fallback");
    expect(isPolling(world, client)).toBe(true);
    expect(await answer(channel.push("echo", { n: 3 }))).toEqual({ status: "ok", response: { n: 3 } });
  });
});

describe.each(worldsThat("fallback", "authToken"))("$name", (world) => {
  test("takes its authToken along, out of the subprotocol and into the header", async () => {
    relay.upgrades("refuse");
    const authToken = server.endpoint.tokens.sign(salt, "ada");
    const client = fallBack(world, { authToken }, relay.url.replace("/open", "/private"));
    const { channel } = await joined(client, "me");
    expect(isPolling(world, client)).toBe(true);
    expect(await answer(channel.push("whoami"))).toEqual({ status: "ok", response: { userId: "ada" } });
  });
});
