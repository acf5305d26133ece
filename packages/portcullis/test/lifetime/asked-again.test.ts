/** Every channel is asked again at a refresh, and what is denied is not said (security row 2.9). */

import { expect, test } from "vitest";
import { reject } from "../../src/outcome.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { deferred, World } from "../support/world.ts";
import { assigns, auth, closeFrame, enter, refreshed, renewal, renewed, socket } from "./support/lives.ts";

const broken = (): never => {
  throw new Error("authorize is broken");
};

function responsesOf(frames: readonly Frame[]): readonly unknown[] {
  return frames.map(([, , , , payload]) => (payload as { response: unknown }).response);
}

test.each<[string, (channel: { id: string }) => unknown, unknown]>([
  ["says false", () => false, { reason: "unauthorized" }],
  ["says no in time", async () => false, { reason: "unauthorized" }],
  [
    "throws",
    () => {
      throw new Error("authorize is broken");
    },
    { reason: "unauthorized" },
  ],
  ["is rejected", () => Promise.reject(new Error("authorize is broken")), { reason: "unauthorized" }],
  ["says nothing", () => undefined, { reason: "unauthorized" }],
  ["says what is nearly true", () => 1, { reason: "unauthorized" }],
  ["gives a reason", () => reject("not any more"), { reason: "not any more" }],
  [
    "gives a reason with details",
    async () => reject("not any more", { until: 5 }),
    { until: 5, reason: "not any more" },
  ],
  ["gives bytes for a reason", () => reject(Uint8Array.of(1)), { reason: "unauthorized" }],
  // biome-ignore lint/suspicious/noThenProperty: what is tested is a promise of somebody else's
  ["is a promise that throws from then", () => Object.fromEntries([["then", broken]]), { reason: "unauthorized" }],
])("a channel whose authorize %s is closed with that, and the others go on", async (_what, answer, farewell) => {
  let asked = 0;
  const room = socket.channel("room:{id}", {
    authorize({ topicParams }) {
      asked += 1;
      return (asked <= 3 || topicParams.id !== "b" ? true : answer({ id: topicParams.id })) as boolean;
    },
  });
  const world = new World([room]);
  const client = enter(world);
  for (const id of ["a", "b", "c"]) client.joined(`room:${id}`);
  expect(await refreshed(world, client, renewal())).toEqual([
    ["1", "1", "room:b", "phx_close", farewell],
    renewed(["room:b"]),
  ]);
  for (const id of ["a", "b", "c"]) world.pubsub.broadcast(`room:${id}`, "said", {});
  expect(client.take().map(([, , topic]) => topic)).toEqual(["room:a", "room:c"]);
  expect(world.pubsub.count("room:b")).toBe(0);
  expect(world.reported("channel.left")).toEqual([{ mount: "/socket", pattern: "room:{id}", reason: "unauthorized" }]);
  // It is free again, and refused like any other that may not be joined.
  client.push("room:b", "said", {});
  expect(responsesOf(client.take())).toEqual([{ reason: "unmatched topic" }]);
});

test("an authorize that takes too long has said no, and what it says afterwards counts for nothing", async () => {
  const late = deferred<boolean>();
  let asked = 0;
  const room = socket.channel("room:{id}", {
    authorize: ({ topicParams }) => {
      asked += 1;
      return asked <= 2 || topicParams.id === "b" ? true : late.promise;
    },
  });
  const world = new World([room], { authorizeMs: 700 });
  const client = enter(world).joined("room:a").joined("room:b");
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  world.pubsub.broadcast("room:a", "secret", {});
  world.pubsub.broadcast("room:b", "said", {});
  world.clock.advance(699);
  await settled();
  expect(client.take()).toEqual([]);
  world.clock.advance(1);
  await settled();
  expect(client.take()).toEqual([[null, null, "room:b", "said", {}], closeFrame("room:a"), renewed(["room:a"])]);
  late.resolve(true);
  await settled();
  expect(client.take()).toEqual([]);
});

test("channels are asked together: several slow ones take no longer than one", async () => {
  let asking = 0;
  let most = 0;
  const gates = [deferred(), deferred(), deferred()];
  let asked = 0;
  const room = socket.channel("room:{id}", {
    async authorize({ topicParams }) {
      asked += 1;
      if (asked <= 3) return true;
      asking += 1;
      most = Math.max(most, asking);
      await gates[Number(topicParams.id)]?.promise;
      asking -= 1;
      return true;
    },
  });
  const world = new World([room]);
  const client = enter(world);
  for (const id of ["0", "1", "2"]) {
    client.join(`room:${id}`);
    await settled();
  }
  client.take();
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  expect(most).toBe(3);
  for (const gate of gates) gate.resolve();
  await settled();
  expect(client.take()).toEqual([renewed()]);
});

test("while channels are asked both directions of all of them stop, and go on in order", async () => {
  const answer = deferred<boolean>();
  const log: unknown[] = [];
  let asked = 0;
  const room = socket
    .channel("room:{id}", {
      authorize({ topicParams }) {
        asked += 1;
        return asked > 2 && topicParams.id === "a" ? answer.promise : true;
      },
      join: (_params, channel) => void channel.send("once"),
    })
    .on({
      ask(payload) {
        log.push(payload);
        return payload;
      },
    })
    .intercept({ filtered: (payload, channel) => channel.push("filtered", { ...payload, by: channel.assigns.name }) })
    .info({ once: () => {}, note: (message: unknown, channel) => channel.push("noted", { message }) });
  const world = new World([room]);
  const client = enter(world, {}, { assigns: assigns("before") })
    .joined("room:a")
    .joined("room:b");
  world.verdicts.push(renewal(assigns("after")));
  auth(client);
  await settled();
  client.push("room:a", "ask", { n: 1 }, "1");
  world.pubsub.broadcast("room:b", "said", { n: 2 });
  client.push("room:b", "ask", { n: 3 }, "3");
  world.pubsub.broadcast("room:a", "filtered", { n: 4 });
  world.pubsub.broadcast("room:a", "said", { n: 5 });
  await settled();
  expect([client.take(), log]).toEqual([[], []]);
  answer.resolve(true);
  await settled();
  expect(client.take()).toEqual([
    [null, null, "room:b", "said", { n: 2 }],
    [null, null, "room:a", "said", { n: 5 }],
    // The interceptor has its turn now, with who it is now.
    ["1", null, "room:a", "filtered", { n: 4, by: "after" }],
    replyFrame("1", "1", "room:a", "ok", { n: 1 }),
    replyFrame("1", "3", "room:b", "ok", { n: 3 }),
    renewed(),
  ]);
});

test("what a channel was to tell its client is dropped with it: pushes, replies, broadcasts, intercepts, infos", async () => {
  const answer = deferred<boolean>();
  const gate = deferred();
  const ran: string[] = [];
  let asked = 0;
  let send: (name: "note") => void = () => {};
  const room = socket
    .channel("room:{id}", {
      authorize: () => {
        asked += 1;
        return asked === 1 ? true : answer.promise;
      },
      join(_params, channel) {
        send = (name) => channel.send(name);
      },
    })
    .on({
      async work(_payload, channel) {
        await gate.promise;
        channel.push("secret", {});
        return { secret: true };
      },
      quick: () => void ran.push("quick"),
    })
    .intercept({ filtered: () => void ran.push("filtered") })
    .info({ note: () => void ran.push("note") });
  const world = new World([room]);
  const client = enter(world).joined("room:a");
  client.push("room:a", "work", {}, "2");
  client.push("room:a", "quick", {}, "3");
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  client.push("room:a", "quick", {}, "4");
  world.pubsub.broadcast("room:a", "secret", {});
  world.pubsub.broadcast("room:a", "filtered", {});
  send("note");
  gate.resolve();
  await settled();
  answer.resolve(false);
  await settled();
  expect(client.take()).toEqual([
    closeFrame("room:a"),
    // Sent before the client knew, and answered like any push to a channel that isn't there.
    replyFrame(null, "4", "room:a", "error", { reason: "unmatched topic" }),
    renewed(["room:a"]),
  ]);
  expect(ran).toEqual([]);
});

test("a socket with an id of pending frames keeps its count: what was dropped with a channel no longer stops reading", async () => {
  let asked = 0;
  const gate = deferred();
  const room = socket
    .channel("room:{id}", {
      authorize: () => {
        asked += 1;
        return asked === 1;
      },
    })
    .on({ work: () => gate.promise });
  const world = new World([room], { pendingFramesMax: 4 });
  const client = enter(world).joined("room:a");
  client.push("room:a", "work", {});
  for (let n = 0; n < 4; n += 1) client.push("room:a", "work", {});
  expect(client.sink.flow).toEqual(["pause"]);
  await refreshed(world, client, renewal());
  expect(client.sink.flow).toEqual(["pause", "resume"]);
});
