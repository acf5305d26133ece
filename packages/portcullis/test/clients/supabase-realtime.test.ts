/** Supabase's own client, of the last release before it went over to a fork of the official one: another interface, another
 * implementation, and a dialect of its own on top of the protocol. */
import { type RealtimeChannel, RealtimeClient, type RealtimeClientOptions } from "@supabase/realtime-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Inbox } from "./inbox.ts";
import { apikey, type RealtimeServer, startRealtimeServer } from "./realtime.ts";
import { startRelay } from "./relay.ts";
import { installed } from "./world.ts";

interface Logged {
  readonly kind: string;
  readonly text: string;
  readonly data: unknown;
}

/** A client and what it told its logger. */
interface Client {
  readonly realtime: RealtimeClient;
  readonly log: Inbox<Logged>;
  readonly heartbeats: Inbox<string>;
}

let server: RealtimeServer;
beforeAll(async () => {
  server = await startRealtimeServer();
});
afterAll(() => server.close());

const clients: RealtimeClient[] = [];
afterEach(async () => {
  await Promise.all(
    clients.splice(0).map((realtime) => {
      const conn = realtime.conn as unknown as WebSocket | null;
      const open = conn !== null && conn.readyState !== WebSocket.CLOSED;
      const closed = open ? new Promise((resolve) => conn.once("close", resolve)) : Promise.resolve();
      realtime.disconnect();
      return closed;
    }),
  );
});

type Message = Readonly<Record<"join_ref" | "ref" | "topic" | "event" | "payload", unknown>>;

/** Its own encoder of 2.0.0 makes broadcasts frames of a kind that only Supabase's server knows. */
const inVersion2 = {
  vsn: "2.0.0",
  encode: ({ join_ref, ref, topic, event, payload }: Message, send: (data: string) => void): void =>
    send(JSON.stringify([join_ref, ref, topic, event, payload])),
};

function connect(options: RealtimeClientOptions, url = server.url): Client {
  const log = new Inbox<Logged>();
  const heartbeats = new Inbox<string>();
  const realtime = new RealtimeClient(url, {
    transport: WebSocket as never,
    params: { apikey },
    // The delay for rejoining, too: the client joins again whenever it has passed without an answer.
    reconnectAfterMs: () => 200,
    logger: (kind: string, text: string, data: unknown) => log.add({ kind, text, data }),
    heartbeatCallback: (status) => heartbeats.add(status),
    ...options,
  });
  realtime.connect();
  clients.push(realtime);
  return { realtime, log, heartbeats };
}

/** What a channel tells of itself from its subscription on. */
function subscribe(channel: RealtimeChannel): Inbox<string> {
  const states = new Inbox<string>();
  channel.subscribe((state, error) => states.add(error ? `${state} ${error.message}` : state));
  return states;
}

async function subscribed({ realtime }: Client, name: string, config: object = {}): Promise<RealtimeChannel> {
  const channel = realtime.channel(name, { config });
  expect(await subscribe(channel).next()).toBe("SUBSCRIBED");
  return channel;
}

function received(channel: RealtimeChannel, event: string): Inbox<unknown> {
  const inbox = new Inbox<unknown>();
  channel.on("broadcast", { event }, ({ payload }: { readonly payload?: unknown }) => inbox.add(payload));
  return inbox;
}

/** Events that are neither broadcasts nor presence have no name in its types; on the wire they are like any other. */
const send = (channel: RealtimeChannel, type: string, timeout = 10_000): Promise<string> =>
  channel.send({ type: type as "broadcast", event: "any" }, { timeout });

const closeCode = async ({ log }: Client): Promise<unknown> =>
  ((await log.find(({ kind, text }) => kind === "transport" && text === "close")).data as { readonly code: number })
    .code;

describe.each([
  ["1.0.0", { vsn: "1.0.0" }],
  ["2.0.0", inVersion2],
])(`${installed("@supabase/realtime-js")}, vsn %s`, (vsn, options) => {
  test("subscribes, or is told why not", async () => {
    const client = connect(options);
    await subscribed(client, "hall");
    expect(new URL(client.realtime.endpointURL()).searchParams.get("vsn")).toBe(vsn);
    const locked = client.realtime.channel("locked");
    expect(await subscribe(locked).next()).toBe('CHANNEL_ERROR "locked"');
    const unknown = client.realtime.channel("two:parts");
    expect(await subscribe(unknown).next()).toBe('CHANNEL_ERROR "unmatched topic"');
    // Or they would go on trying.
    await Promise.all([locked.unsubscribe(), unknown.unsubscribe()]);
  });

  test("pushes and gets a reply: ok, error, none in time", async () => {
    const client = connect(options);
    const channel = await subscribed(client, "hall");
    expect(await send(channel, "echo")).toBe("ok");
    const { data } = await client.log.find(
      ({ kind, text }) => kind === "receive" && text.startsWith("ok realtime:hall"),
    );
    expect(data).toMatchObject({ status: "ok" });
    expect(await send(channel, "fail")).toBe("error");
    expect(await send(channel, "silent", 5)).toBe("timed out");
    expect(await send(channel, "echo")).toBe("ok");
  });

  test("broadcasts to the others, to itself if it asks for that, and hears the server", async () => {
    const first = await subscribed(connect(options), "room", { broadcast: { ack: true } });
    const second = await subscribed(connect(options), "room", { broadcast: { self: true, ack: true } });
    const heard = [received(first, "said"), received(second, "said")] as const;
    expect(await first.send({ type: "broadcast", event: "said", payload: { n: 1 } })).toBe("ok");
    expect(await second.send({ type: "broadcast", event: "said", payload: { n: 2 } })).toBe("ok");
    server.endpoint.broadcast("realtime:room", "broadcast", { type: "broadcast", event: "said", payload: { n: 3 } });
    for (const n of [1, 2, 3]) expect(await heard[1].next()).toEqual({ n });
    for (const n of [2, 3]) expect(await heard[0].next()).toEqual({ n });
  });

  test("unsubscribes, hears nothing more, and subscribes again", async () => {
    const client = connect(options);
    const channel = await subscribed(client, "again");
    const other = await subscribed(client, "other");
    const heard = received(channel, "said");
    expect(await channel.unsubscribe()).toBe("ok");
    // It calls itself gone at once; a round trip on the same connection says that the server has heard it.
    expect(await send(other, "echo")).toBe("ok");
    server.endpoint.broadcast("realtime:again", "broadcast", { type: "broadcast", event: "said", payload: {} });
    expect(await send(other, "echo")).toBe("ok");
    expect(heard.all).toEqual([]);
    expect(client.log.all.filter(({ text }) => text === "realtime:again broadcast")).toEqual([]);
    expect(await send(await subscribed(client, "again"), "echo")).toBe("ok");
  });

  test("comes back after a lost connection and subscribes again", async () => {
    const client = connect(options);
    const channel = client.realtime.channel("lost", { config: { broadcast: { self: true } } });
    const [states, heard] = [subscribe(channel), received(channel, "said")];
    expect(await states.next()).toBe("SUBSCRIBED");
    server.cut();
    expect(await closeCode(client)).toBe(1006);
    await states.find((state) => state.startsWith("CHANNEL_ERROR"));
    await states.find(() => states.all.filter((state) => state === "SUBSCRIBED").length === 2);
    await channel.send({ type: "broadcast", event: "said", payload: { back: true } });
    expect(await heard.next()).toEqual({ back: true });
  });

  test("subscribes again after its channel crashed; the other channel notices nothing", async () => {
    const client = connect(options);
    const bystander = client.realtime.channel("bystander");
    const others = subscribe(bystander);
    const channel = client.realtime.channel("crash");
    const states = subscribe(channel);
    expect([await others.next(), await states.next()]).toEqual(["SUBSCRIBED", "SUBSCRIBED"]);
    void send(channel, "crash");
    expect(await states.next()).toContain("CHANNEL_ERROR");
    expect(await states.next()).toBe("SUBSCRIBED");
    expect(await send(channel, "echo")).toBe("ok");
    expect(await send(bystander, "echo")).toBe("ok");
    expect(others.all).toEqual(["SUBSCRIBED"]);
  });

  test("comes back after the server disconnected it", async () => {
    const client = connect(options);
    const states = subscribe(client.realtime.channel("disconnected"));
    expect(await states.next()).toBe("SUBSCRIBED");
    server.endpoint.disconnect("everybody");
    expect(await closeCode(client)).toBe(1001);
    await states.find(() => states.all.filter((state) => state === "SUBSCRIBED").length === 2);
  });

  test("moves from a server that drains to the next one", async ({ onTestFinished }) => {
    const [first, second] = [await startRealtimeServer(), await startRealtimeServer()];
    const relay = await startRelay(first.url);
    onTestFinished(async () => {
      await Promise.all([first.close(), second.close()]);
      await relay.close();
    });
    const client = connect(options, relay.url);
    const states = subscribe(client.realtime.channel("moving"));
    expect(await states.next()).toBe("SUBSCRIBED");
    const drained = first.endpoint.drain();
    expect(await closeCode(client)).toBe(1012);
    relay.leadTo(second.url);
    await drained;
    await states.find(() => states.all.filter((state) => state === "SUBSCRIBED").length === 2);
    expect(second.endpoint.connectionCount).toBe(1);
  });

  test("beats and is answered; gives up a connection that has fallen silent, and comes back", async ({
    onTestFinished,
  }) => {
    const relay = await startRelay(server.url);
    onTestFinished(() => relay.close());
    const client = connect({ ...options, heartbeatIntervalMs: 300 }, relay.url);
    const states = subscribe(client.realtime.channel("silence"));
    expect(await states.next()).toBe("SUBSCRIBED");
    expect([await client.heartbeats.next(), await client.heartbeats.next()]).toEqual(["sent", "ok"]);
    relay.hush();
    await client.heartbeats.find((status) => status === "timeout");
    await states.find(() => states.all.filter((state) => state === "SUBSCRIBED").length === 2);
  });

  test("hands on a new access token, to the channel it has and with the next join", async () => {
    const client = connect(options);
    const states = subscribe(client.realtime.channel("token"));
    expect(await states.next()).toBe("SUBSCRIBED");
    const since = server.heard.length;
    await client.realtime.setAuth("a token");
    void send(client.realtime.channel("token"), "crash");
    await states.find(() => states.all.filter((state) => state === "SUBSCRIBED").length === 2);
    expect(server.heard.slice(since)).toMatchObject([
      { event: "access_token", payload: { access_token: "a token" } },
      { event: "phx_join", payload: { access_token: "a token" } },
    ]);
  });

  test("follows who is there", async () => {
    const enter = async (key: string): Promise<readonly [RealtimeChannel, Inbox<string>]> => {
      const channel = connect(options).realtime.channel("presence", { config: { presence: { key } } });
      const seen = new Inbox<string>();
      channel.on("presence", { event: "sync" }, () => seen.add(Object.keys(channel.presenceState()).sort().join()));
      expect(await subscribe(channel).next()).toBe("SUBSCRIBED");
      return [channel, seen];
    };
    const [ada, adaSees] = await enter("ada");
    const [bob, bobSees] = await enter("bob");
    expect(await ada.track({ mood: "fine" })).toBe("ok");
    expect(await bob.track({ mood: "so-so" })).toBe("ok");
    await Promise.all([adaSees, bobSees].map((seen) => seen.find((keys) => keys === "ada,bob")));
    expect(ada.presenceState()["bob"]).toMatchObject([{ mood: "so-so", presence_ref: expect.any(String) }]);
    expect(await bob.untrack()).toBe("ok");
    await adaSees.find(() => adaSees.all.at(-1) === "ada");
    expect(Object.keys(ada.presenceState())).toEqual(["ada"]);
  });

  test("is refused with a wrong key, tries again and never opens", async () => {
    const client = connect({ ...options, params: { apikey: "wrong" }, reconnectAfterMs: (tries: number) => 2 * tries });
    const closes = (): Logged[] => client.log.all.filter(({ text }) => text === "close");
    await client.log.find(() => closes().length === 3);
    expect(client.log.all.filter(({ text }) => text.startsWith("connected"))).toEqual([]);
  });
});

test("what it broadcasts in 2.0.0 without an encoder of one's own is a frame of Supabase's, no message: it is closed, and comes back", async () => {
  const client = connect({ vsn: "2.0.0" });
  const states = subscribe(client.realtime.channel("binary"));
  expect(await states.next()).toBe("SUBSCRIBED");
  await client.realtime.channel("binary").send({ type: "broadcast", event: "said", payload: {} });
  expect(await closeCode(client)).toBe(1011);
  await states.find(() => states.all.filter((state) => state === "SUBSCRIBED").length === 2);
});
