// What is said at one node is heard at the other, and who is known to one can ask either.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Cell } from "./case.ts";
import { withStage } from "./stage.ts";
import { startTwoNodes, type TwoNodes } from "./two-nodes.ts";

let world: TwoNodes;
beforeAll(async () => {
  world = await startTwoNodes();
});
afterAll(() => world.close());

const cell = (url: string): Cell => ({ world: { name: "node", url }, transport: "websocket", vsn: 2 });

const heartbeat = (ref: string): string => JSON.stringify([null, ref, "phoenix", "heartbeat", {}]);

test("a long-poll session can be asked through the other node: polls, posts, and its end", async () => {
  const [own, other] = world.nodes;
  const ask = async (url: string, token: string, init: RequestInit = {}) => {
    const headers = { "x-phoenix-longpoll-token": token };
    return (await fetch(`${url}/limit3/longpoll?vsn=2.0.0&id=traveller`, { ...init, headers })).json();
  };
  const { token } = (await ask(own.url, "")) as { token: string };
  const waiting = ask(other.url, token);
  expect(await ask(other.url, token, { method: "POST", body: heartbeat("a") })).toEqual({ status: 200 });
  const reply = JSON.stringify([null, "a", "phoenix", "phx_reply", { status: "ok", response: {} }]);
  expect(await waiting).toEqual({ status: 200, token, messages: [reply] });
  expect(await ask(own.url, token, { method: "POST", body: heartbeat("b") })).toEqual({ status: 200 });
  expect(await ask(other.url, token)).toEqual({ status: 200, token, messages: [reply.replace('"a"', '"b"')] });
  other.endpoint.disconnect("traveller");
  expect(await ask(other.url, token, { method: "POST", body: heartbeat("c") })).toEqual({ status: 410 });
  expect(await ask(other.url, token)).toMatchObject({ status: 410, messages: [] });
});

test("a broadcast is heard at every node, a local one at its own", async () => {
  const [own, other] = world.nodes;
  await withStage(cell(own.url), 10_000, async (here) => {
    await withStage(cell(other.url), 10_000, async (there) => {
      const topic = here.topic();
      const [near, far] = [await (await here.connect()).join(topic), await (await there.connect()).join(topic)];
      own.endpoint.localBroadcast(topic, "news", { of: "one node" });
      own.endpoint.broadcast(topic, "news", { of: "all" });
      await near.expectBroadcast("news", { of: "one node" });
      for (const room of [near, far]) await room.expectBroadcast("news", { of: "all" });
      near.push("shout_from", { of: "a channel" });
      await far.expectBroadcast("shout", { of: "a channel" });
      await far.client.expectNothing();
    });
  });
});

test("disconnect by id reaches the other node", async () => {
  const [own, other] = world.nodes;
  await withStage(cell(other.url), 10_000, async (there) => {
    const id = there.unique();
    const client = await there.connect({ params: { id } });
    await client.join(there.topic());
    own.endpoint.disconnect(id);
    await client.expectClosed(1001);
  });
});
