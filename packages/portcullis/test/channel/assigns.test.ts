/** What a channel remembers: its own on top of the socket's. */

import { describe, expect, test } from "vitest";
import { accept } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { replyFrame } from "../support/wire.ts";
import { responses, World } from "../support/world.ts";

const socket = defineSocket({ connect: () => ({ user: "ada", role: "reader" }) });
const assigns = { user: "ada", role: "reader" };

function seen(channel: ReturnType<typeof socket.channel>, given: object = assigns): unknown {
  const client = new World([channel]).connect({ assigns: given }).joined("room:1");
  client.push("room:1", "look", {});
  return responses(client.take())[0];
}

const look = { look: (_payload: unknown, channel: { assigns: object }): object => channel.assigns };

test("without any of its own they are the socket's", () => {
  expect(seen(socket.channel("room:{id}").on(look) as never)).toEqual(assigns);
});

test("join's are added, and win over the socket's", () => {
  const channel = socket
    .channel("room:{id}", { join: () => accept({ assigns: { role: "writer", seat: 4 } }) })
    .on(look);
  expect(seen(channel as never)).toEqual({ user: "ada", role: "writer", seat: 4 });
});

test("the definition's are there from the start; join's win over them", () => {
  let atJoin: unknown;
  const channel = socket
    .channel("room:{id}", {
      assigns: { role: "default", limit: 10 },
      join(_params, channel) {
        atJoin = channel.assigns;
        return accept({ assigns: { limit: 20 } });
      },
    })
    .on(look);
  expect(seen(channel as never)).toEqual({ user: "ada", role: "default", limit: 20 });
  expect(atJoin).toEqual({ user: "ada", role: "default", limit: 10 });
});

test("assign changes this channel's and no other's", () => {
  const channel = socket
    .channel("room:{id}", { assigns: { count: 0 }, join: () => accept({ assigns: { seat: 1 } }) })
    .on({
      ...look,
      change: (_payload, channel) => channel.assign({ seat: 2, role: "writer" }),
    });
  const world = new World([channel]);
  const client = world.connect({ assigns }).joined("room:1").joined("room:2", "2");
  client.push("room:1", "change", {});
  client.push("room:1", "look", {}, "3", "1");
  client.push("room:2", "look", {}, "4", "2");
  expect(client.take()).toEqual([
    replyFrame("1", "3", "room:1", "ok", { user: "ada", role: "writer", count: 0, seat: 2 }),
    replyFrame("2", "4", "room:2", "ok", { user: "ada", role: "reader", count: 0, seat: 1 }),
  ]);
  expect(assigns).toEqual({ user: "ada", role: "reader" });
  expect(channel["~runtime"].assigns).toEqual({ count: 0 });
});

test("assign in join counts, accept's assigns win over it", () => {
  const channel = socket
    .channel("room:{id}", {
      join(_params, channel) {
        channel.assign({ role: "guest", user: "bob" });
        return accept({ assigns: { role: "writer" } });
      },
    })
    .on(look);
  expect(seen(channel as never)).toEqual({ user: "bob", role: "writer" });
});

test("they are one object until they change", () => {
  const objects: object[] = [];
  const channel = socket.channel("room:{id}", { join: () => accept({ assigns: { seat: 1 } }) }).on({
    look: (_payload, channel) => void objects.push(channel.assigns, channel.assigns),
    change: (_payload, channel) => channel.assign({ seat: 2 }),
  });
  const client = new World([channel]).connect({ assigns }).joined("room:1");
  for (const event of ["look", "look", "change", "look"]) client.push("room:1", event, {});
  expect(objects.slice(0, 4)).toEqual(Array(4).fill({ ...assigns, seat: 1 }));
  expect(new Set(objects.slice(0, 4)).size).toBe(1);
  expect(new Set(objects).size).toBe(2);
});

describe("keys that mean something to objects are keys", () => {
  const tainted = JSON.parse('{"__proto__":{"admin":true},"constructor":"c"}') as Record<string, unknown>;

  test.each([
    ["the socket's", tainted, {}],
    ["join's", {}, tainted],
  ])("in %s assigns", (_whose, base, own) => {
    const result: { assigns: Record<string, unknown> }[] = [];
    const channel = socket
      .channel("room:{id}", { join: () => accept({ assigns: { ...own, seat: 1 } }) })
      .on({ look: (_payload, channel) => void result.push({ assigns: channel.assigns }) });
    new World([channel]).connect({ assigns: base }).joined("room:1").push("room:1", "look", {});
    const [found] = result;
    expect(found?.assigns["admin"]).toBeUndefined();
    expect(Object.keys(found?.assigns ?? {}).sort()).toEqual(["__proto__", "constructor", "seat"]);
  });

  test("in assign", () => {
    const channel = socket.channel("room:{id}").on({
      change: (_payload, channel) => channel.assign(tainted),
      look: (_payload, channel) => ({ admin: "admin" in channel.assigns, keys: Object.keys(channel.assigns) }),
    });
    const client = new World([channel]).connect({ assigns: {} }).joined("room:1");
    client.push("room:1", "change", {});
    client.push("room:1", "look", {}, "2");
    expect(client.take()).toEqual([
      replyFrame("1", "2", "room:1", "ok", { admin: false, keys: ["__proto__", "constructor"] }),
    ]);
  });
});

test("nothing of a join payload lands in them by itself", () => {
  const channel = socket.channel("room:{id}").on(look);
  const client = new World([channel as never]).connect({ assigns }).joined("room:1", "1", { role: "admin" });
  client.push("room:1", "look", { role: "admin" }, "2");
  expect(client.take()).toEqual([replyFrame("1", "2", "room:1", "ok", assigns)]);
});
