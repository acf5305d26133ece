/** A refresh in place: who it is changes in one step, one refresh at a time (security row 2.9). */

import { expect, test } from "vitest";
import { accept } from "../../src/outcome.ts";
import type { RefreshVerdict } from "../../src/socket/standing.ts";
import { settled } from "../support/clock.ts";
import { readV1, replyFrame } from "../support/wire.ts";
import { deferred, World } from "../support/world.ts";
import {
  assigns,
  auth,
  closing,
  credential,
  enter,
  epoch,
  hourMs,
  open,
  refreshed,
  refusal,
  refused,
  renewal,
  renewed,
  socket,
} from "./support/lives.ts";

test("a handler sees the assigns of one credential or of the other, each whole", async () => {
  const gate = deferred();
  const seen: object[] = [];
  const room = socket
    .channel("room:{id}", { authorize: "everyone", join: () => accept({ assigns: { own: "own", may: ["mine"] } }) })
    .on({
      async look(_payload, channel) {
        seen.push({ ...channel.assigns });
        const before = channel.assigns;
        await gate.promise;
        seen.push({ ...channel.assigns });
        expect(before).toEqual({ name: "before", may: ["mine"], own: "own" });
      },
    });
  const world = new World([room]);
  const client = enter(world, {}, { assigns: assigns("before", "a") }).joined("room:a");
  client.push("room:a", "look", {});
  await refreshed(world, client, renewal(assigns("after", "b")));
  gate.resolve();
  await settled();
  // What join said stays on top.
  expect(seen).toEqual([
    { name: "before", may: ["mine"], own: "own" },
    { name: "after", may: ["mine"], own: "own" },
  ]);
});

test("a channel without assigns of its own has the socket's very object, of each credential in its turn", async () => {
  const seen: object[] = [];
  const world = new World([open().on({ look: (_payload, channel) => void seen.push(channel.assigns) })]);
  const before = assigns("before");
  const after = assigns("after");
  const client = enter(world, {}, { assigns: before }).joined("room:a");
  client.push("room:a", "look", {});
  await refreshed(world, client, renewal(after));
  client.push("room:a", "look", {});
  expect(seen[0]).toBe(before);
  expect(seen[1]).toBe(after);
});

test("identity and assigns are swapped together, and the generation goes up with each success only", async () => {
  const world = new World([open()]);
  const client = enter(world, {}, { assigns: assigns("before") });
  const { connection } = client;
  const now = (): unknown => [connection.identity?.tokenId, connection.assigns, connection.generation];
  expect(now()).toEqual(["token-1", assigns("before"), 0]);
  await refreshed(world, client, refusal());
  expect(now()).toEqual(["token-1", assigns("before"), 0]);
  await refreshed(world, client, renewal(assigns("after")));
  expect(now()).toEqual(["token-2", assigns("after"), 1]);
  expect(world.reported("credential.refreshed")).toEqual([
    { mount: "/socket", code: "credential_invalid" },
    { mount: "/socket", code: null },
  ]);
});

test("two refreshes at once are judged one after the other, in order", async () => {
  const world = new World([open()]);
  const client = enter(world);
  const [first, second] = [deferred<RefreshVerdict>(), deferred<RefreshVerdict>()];
  world.verdicts.push(first.promise, second.promise);
  auth(client, "1");
  auth(client, "2");
  await settled();
  expect(world.verdicts).toHaveLength(1);
  second.resolve(renewal({}, { tokenId: "of the second" }));
  await settled();
  expect(client.take()).toEqual([]);
  first.resolve(renewal({}, { tokenId: "of the first" }));
  await settled();
  expect(client.take()).toEqual([renewed([], "1"), renewed([], "2")]);
  expect(client.connection.identity?.tokenId).toBe("of the second");
});

test("twenty at once are too many: a few wait, the others are told to come later, and five of those end it", async () => {
  const world = new World([open()]);
  const client = enter(world);
  world.verdicts.push(new Promise(() => {}));
  for (let n = 1; n <= 20; n += 1) auth(client, String(n));
  const busy = ["6", "7", "8", "9", "10"];
  expect(client.take()).toEqual([
    ...busy.map((ref) => refused("busy", { afterMs: 1_000 }, ref)),
    closing("refresh_failed"),
  ]);
  expect(client.sink.closes).toEqual(["refresh_failed"]);
  expect(world.deadlines.size).toBe(0);
});

test("five failures in a row end it with 4102, and a success begins to count anew", async () => {
  const world = new World([open()]);
  const client = enter(world);
  for (let n = 0; n < 4; n += 1) expect(await refreshed(world, client, refusal())).toEqual([refused()]);
  expect(await refreshed(world, client, renewal())).toEqual([renewed()]);
  for (let n = 0; n < 4; n += 1) expect(await refreshed(world, client, refusal("stale"))).toEqual([refused("stale")]);
  expect(client.sink.closes).toEqual([]);
  expect(await refreshed(world, client, refusal())).toEqual([refused(), closing("refresh_failed")]);
  expect(client.sink.closes).toEqual(["refresh_failed"]);
});

test.each<[string, unknown]>([
  ["no token", {}],
  ["an empty one", { token: "" }],
  ["one that is no string", { token: 5 }],
  ["one that is a list", { token: ["new"] }],
  ["one that is null", { token: null }],
  ["null", null],
  ["a text", "new"],
  ["a list", ["new"]],
  ["a number", 5],
  ["a prototype", JSON.parse('{"__proto__":{"token":"new"}}')],
])("a refresh with %s is answered, asks nobody and changes nothing", async (_what, payload) => {
  const world = new World([open()]);
  const client = enter(world);
  auth(client, "auth", payload);
  await settled();
  expect(client.take()).toEqual([refused("missing")]);
  expect(client.connection.generation).toBe(0);
});

test("refs of any kind come back as they were", async () => {
  const world = new World([open()]);
  const client = enter(world);
  for (const ref of [null, 7, "7", { of: "mine" }, ["a"]]) {
    world.verdicts.push(renewal());
    auth(client, ref);
    await settled();
    expect(client.take()).toEqual([renewed([], ref)]);
  }
});

test("clients of V1 refresh in their own way", async () => {
  const world = new World([open()]);
  const client = enter(world, {}, { serializer: "v1" });
  world.verdicts.push(renewal());
  client.connection.receive(JSON.stringify({ topic: "phoenix", event: "auth", ref: "1", payload: { token: "new" } }));
  await settled();
  expect(client.sink.frames.map(readV1)).toEqual([
    {
      topic: "phoenix",
      event: "phx_reply",
      ref: "1",
      payload: { status: "ok", response: { expiresAt: epoch + 2 * hourMs, closed: [] } },
    },
  ]);
});

test("a socket that can't be refreshed says what Phoenix says of any event on its topic", () => {
  const world = new World([open()]);
  for (const client of [
    world.connect(),
    // Its connect has said who it is, and nobody could say whether a new token is as good.
    world.connect({ credential: { ...credential(), request: null } }),
  ]) {
    auth(client);
    expect(client.take()).toEqual([replyFrame(null, "auth", "phoenix", "error", { reason: "unmatched topic" })]);
  }
});
