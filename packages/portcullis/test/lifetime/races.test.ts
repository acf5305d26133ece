/** What else may happen while a credential is being renewed: joins, leaves, crashes, the end. */

import { expect, test } from "vitest";
import type { RefreshVerdict } from "../../src/socket/standing.ts";
import { settled } from "../support/clock.ts";
import { replyFrame } from "../support/wire.ts";
import { deferred, World } from "../support/world.ts";
import {
  assigns,
  auth,
  beat,
  beaten,
  closeFrame,
  closing,
  enter,
  epoch,
  heard,
  hourMs,
  inTurn,
  open,
  refreshed,
  renewal,
  renewed,
  socket,
} from "./support/lives.ts";

test("a join that began before is authorized again before its reply, with who it is now", async () => {
  const gate = deferred();
  const asked: string[] = [];
  const room = socket.channel("room:{id}", {
    authorize({ topicParams, assigns: { name, may } }) {
      asked.push(`${topicParams.id} ${name}`);
      return may.includes(topicParams.id);
    },
    join: () => gate.promise,
  });
  const world = new World([room]);
  const client = enter(world, {}, { assigns: assigns("before", "a", "b") });
  client.join("room:a");
  expect(await refreshed(world, client, renewal(assigns("after", "b")))).toEqual([renewed()]);
  gate.resolve();
  await settled();
  expect(client.take()).toEqual([replyFrame("1", "1", "room:a", "error", { reason: "unauthorized" })]);
  expect(asked).toEqual(["a before", "a after"]);
  expect(world.pubsub.count("room:a")).toBe(0);
  client.join("room:b", "2");
  await settled();
  expect(client.take()).toEqual([replyFrame("2", "2", "room:b", "ok", {})]);
});

test("a join is asked again for every credential it outlasts, and the last one counts", async () => {
  const join = deferred();
  const answers = [deferred<boolean>(), deferred<boolean>()];
  let asked = -1;
  const room = socket.channel("room:{id}", {
    authorize: () => {
      asked += 1;
      return asked === 0 ? true : ((answers[asked - 1]?.promise ?? true) as Promise<boolean>);
    },
    join: () => join.promise,
  });
  const world = new World([room]);
  const client = enter(world);
  client.join("room:a");
  await refreshed(world, client, renewal());
  join.resolve();
  await settled();
  expect(asked).toBe(1);
  await refreshed(world, client, renewal());
  answers[0]?.resolve(true);
  await settled();
  // What it was told of the credential before is not enough.
  expect([client.take(), asked]).toEqual([[], 2]);
  answers[1]?.resolve(false);
  await settled();
  expect(client.take()).toEqual([replyFrame("1", "1", "room:a", "error", { reason: "unauthorized" })]);
});

test("a join that never ends keeps no credential from being renewed, however often", async () => {
  const world = new World([
    socket.channel("room:{id}", { authorize: "everyone", join: () => new Promise<void>(() => {}) }),
  ]);
  const client = enter(world);
  client.join("room:a");
  client.push("room:a", "ask", {});
  for (let life = 1; life <= 3; life += 1) {
    const expiresAt = epoch + (life + 1) * hourMs;
    expect(await refreshed(world, client, renewal({}, { expiresAt }))).toEqual([renewed([], "auth", expiresAt)]);
  }
});

test("a second refresh that comes while channels are asked is not held up by a join that never ends", async () => {
  const answers = [deferred<boolean>(), deferred<boolean>()];
  let asked = -1;
  const room = socket.channel("room:{id}", {
    authorize: ({ topicParams }) => {
      if (topicParams.id !== "a") return true;
      asked += 1;
      return asked === 0 ? true : ((answers[asked - 1]?.promise ?? true) as Promise<boolean>);
    },
    join: (_params, { topicParams }) => (topicParams.id === "a" ? undefined : new Promise<void>(() => {})),
  });
  const world = new World([room]);
  const client = enter(world).joined("room:a");
  client.join("room:never");
  world.verdicts.push(renewal(), renewal());
  auth(client, "first");
  await settled();
  auth(client, "second");
  await settled();
  answers[0]?.resolve(true);
  await settled();
  answers[1]?.resolve(true);
  await settled();
  expect(client.take()).toEqual([renewed([], "first"), renewed([], "second")]);
});

test("a connection that ends while a refresh is judged, or channels are asked, hears nothing of it", async () => {
  for (const when of ["judged", "asked"]) {
    const verdict = deferred<RefreshVerdict>();
    const answer = deferred<boolean>();
    const room = socket.channel("room:{id}", { authorize: inTurn<true | Promise<boolean>>(true, answer.promise) });
    const world = new World([room]);
    const client = enter(world).joined("room:a");
    world.verdicts.push(verdict.promise);
    auth(client);
    if (when === "asked") verdict.resolve(renewal());
    await settled();
    client.connection.closed({ kind: "closed" });
    verdict.resolve(renewal());
    answer.resolve(true);
    await settled();
    expect([when, client.take()]).toEqual([when, []]);
    expect(world.deadlines.size).toBe(0);
    expect(world.pubsub.count()).toBe(0);
  }
});

test("a leave, a second join, or both, sent while channels are asked are handled after that, in order", async () => {
  const answer = deferred<boolean>();
  const room = socket.channel("room:{id}", {
    authorize: inTurn<true | Promise<boolean>>(true, answer.promise, true),
  });
  const world = new World([room]);
  const client = enter(world).joined("room:a");
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  client.join("room:a", "2");
  client.leave("room:a", "3", "2");
  client.join("room:a", "4");
  beat(client);
  await settled();
  expect(client.take()).toEqual([]);
  answer.resolve(true);
  await settled();
  expect(client.take()).toEqual([
    replyFrame("2", "2", "room:a", "ok", {}),
    ["1", "1", "room:a", "phx_close", {}],
    replyFrame("2", "3", "room:a", "ok", {}),
    ["2", "2", "room:a", "phx_close", {}],
    replyFrame("4", "4", "room:a", "ok", {}),
    beaten(),
    renewed(),
  ]);
});

test("a leave that waits behind a slow handler of a channel that is denied meanwhile is over with it", async () => {
  const gate = deferred();
  const room = socket.channel("room:{id}", { authorize: inTurn(true, false, true) }).on({ slow: () => gate.promise });
  const world = new World([room]);
  const client = enter(world).joined("room:a");
  client.push("room:a", "slow", {});
  client.leave("room:a");
  client.join("room:a", "2");
  expect(await refreshed(world, client, renewal())).toEqual([closeFrame("room:a"), renewed(["room:a"])]);
  // The second join waits for the first instance's handler to finish, and is asked for itself.
  gate.resolve();
  await settled();
  expect(client.take()).toEqual([replyFrame("2", "2", "room:a", "ok", {})]);
});

test("a channel that crashes while it is being asked is gone, and may be joined again", async () => {
  const answer = deferred<boolean>();
  const gate = deferred();
  const room = socket
    .channel("room:{id}", { authorize: inTurn<true | Promise<boolean>>(true, answer.promise, true) })
    .on({ work: () => gate.promise.then(() => Promise.reject(new Error("a handler is broken"))) });
  const world = new World([room]);
  const client = enter(world).joined("room:a");
  client.push("room:a", "work", {});
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  gate.resolve();
  await settled();
  client.join("room:a", "2");
  answer.resolve(true);
  await settled();
  expect(client.take()).toEqual([
    ["1", "1", "room:a", "phx_error", { reason: "channel_crash" }],
    replyFrame("2", "2", "room:a", "ok", {}),
    renewed(),
  ]);
});

test("more than may be held back while channels are asked ends the connection", async () => {
  const room = socket.channel("room:{id}", {
    authorize: inTurn<true | Promise<boolean>>(true, new Promise(() => {})),
  });
  const world = new World([room], { heldBytesMax: 300 });
  const client = enter(world).joined("room:a");
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  for (let n = 0; n < 4; n += 1) world.pubsub.broadcast("room:a", "said", { text: "x".repeat(100) });
  expect(client.sink.closes).toEqual(["stalled"]);
});

test("who renews a credential may end the connection before anybody is asked, and nothing is said of it", async () => {
  const authorize = inTurn(true);
  const room = socket.channel("room:{id}", { authorize });
  const world = new World([room]);
  const client = enter(world).joined("room:a");
  client.connection.onRenewed = (connection) => {
    expect(connection.identity?.tokenId).toBe("token-2");
    connection.endBy("revoked");
  };
  expect(await refreshed(world, client, renewal())).toEqual([closing("revoked")]);
  expect([authorize.asked, world.deadlines.size]).toEqual([1, 0]);
});

test("frames that are not understood are told in their turn, whatever is held", async () => {
  const world = new World([open()]);
  const client = enter(world);
  world.clock.advance(hourMs);
  client.connection.receive('[null,"1","phoenix","auth",{"token":"cut off');
  expect(client.sink.closes).toEqual([]);
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  expect(client.sink.closes).toEqual(["frame_invalid"]);
  expect(heard(client.take(), "phoenix").at(-1)?.[0]).toBe("phx_expiring");
});
