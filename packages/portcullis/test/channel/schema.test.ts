/** What doesn't fit its schema: where and why, never what it was. */

import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Schema } from "../../src/channel/contract.ts";
import { accept } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { replyFrame } from "../support/wire.ts";
import { type Client, responses, World } from "../support/world.ts";

const socket = defineSocket();
const secret = "hunter2";

/** A schema of nobody's library, which says what it likes. */
function schema(validate: (value: unknown) => unknown): Schema {
  return { "~standard": { version: 1, vendor: "test", validate: validate as Schema["~standard"]["validate"] } };
}

function connect(payload: Schema, params: Schema = z.unknown()): { client: Client; world: World; called: unknown[] } {
  const called: unknown[] = [];
  const channel = socket
    .channel("room", { params, in: { event: payload }, join: (value) => accept({ reply: { got: value ?? null } }) })
    .on({
      event(value) {
        called.push(value);
        return { got: value };
      },
    });
  const world = new World([channel]);
  return { client: world.connect(), world, called };
}

const name = z.object({ name: z.string().max(80) });
const invalid = (issues: readonly object[]): object => ({ reason: "invalid payload", issues });

describe.each([
  ["a schema that answers at once", name],
  ["a schema that takes its time", name.refine(async () => true)],
])("%s", (_what, schemaOfName) => {
  test("the handler gets its output", async () => {
    const trimmed = schemaOfName.transform((value) => ({ name: value.name.trim() }));
    const { client, called } = connect(trimmed);
    client.joined("room");
    client.push("room", "event", { name: " Ada ", more: 1 });
    await settled();
    expect(called).toEqual([{ name: "Ada" }]);
    expect(client.take()).toEqual([replyFrame("1", "9", "room", "ok", { got: { name: "Ada" } })]);
  });

  test("a payload that doesn't fit is refused; the handler isn't called, the channel lives", async () => {
    const { client, world, called } = connect(schemaOfName);
    client.joined("room");
    client.push("room", "event", { name: 5 });
    await settled();
    const issues = [{ path: ["name"], message: expect.stringMatching(/string/) as string }];
    expect(client.take()).toEqual([replyFrame("1", "9", "room", "error", invalid(issues))]);
    expect(called).toEqual([]);
    client.push("room", "event", { name: "Ada" }, "10");
    await settled();
    expect(client.take()).toEqual([replyFrame("1", "10", "room", "ok", { got: { name: "Ada" } })]);
    expect(world.logger.lines).toEqual([]);
  });

  test("join params that don't fit refuse the join", async () => {
    const { client, world } = connect(z.unknown(), schemaOfName);
    client.join("room", "1", {});
    await settled();
    const issues = [{ path: ["name"], message: expect.any(String) as string }];
    expect(client.take()).toEqual([replyFrame("1", "1", "room", "error", invalid(issues))]);
    expect(client.connection.channelCount).toBe(0);
    expect(world.reported("channel.refused")).toMatchObject([{ code: "payload_invalid" }]);
    client.join("room", "2", { name: "Ada" });
    await settled();
    expect(client.take()).toEqual([replyFrame("2", "2", "room", "ok", { got: { name: "Ada" } })]);
  });
});

test("authorize comes before the params are looked at", () => {
  let looked = false;
  const channel = socket.channel("room", {
    authorize: () => false,
    params: schema((value) => {
      looked = true;
      return { value };
    }),
  });
  const client = new World([channel]).connect();
  client.join("room");
  expect(client.take()).toEqual([replyFrame("1", "1", "room", "error", { reason: "unauthorized" })]);
  expect(looked).toBe(false);
});

test.each([
  ["nothing but a payload", null],
  ["a list", [1]],
  ["text", "text"],
  ["a number", 5],
])("a join payload may be %s", (_what, payload) => {
  const { client } = connect(z.unknown(), z.unknown());
  client.join("room", "1", payload);
  expect(client.take()).toEqual([replyFrame("1", "1", "room", "ok", { got: payload })]);
});

test("a binary payload is refused by a schema of objects, and bytes are not sent back", () => {
  const { client } = connect(name);
  client.joined("room");
  client.connection.receive(Uint8Array.from([0, 1, 1, 4, 5, ...Buffer.from(`19roomevent${secret}`)]));
  expect(client.take()).toMatchObject([["1", "9", "room", "phx_reply", { status: "error" }]]);
  expect(JSON.stringify(client.sink.frames)).not.toContain(secret);
});

test("paths are keys and indexes, whatever form the library gives them", () => {
  const issues = [
    { message: "plain", path: ["list", 0, "__proto__"] },
    { message: "objects", path: [{ key: "list" }, { key: 1 }] },
    { message: "a symbol", path: [Symbol("inner")] },
    { message: "no path" },
    { message: "more than asked for", path: [], input: secret, received: secret },
  ];
  const { client } = connect(schema(() => ({ issues })));
  client.joined("room");
  client.push("room", "event", {});
  expect(client.take()).toEqual([
    replyFrame(
      "1",
      "9",
      "room",
      "error",
      invalid([
        { path: ["list", 0, "__proto__"], message: "plain" },
        { path: ["list", 1], message: "objects" },
        { path: ["Symbol(inner)"], message: "a symbol" },
        { path: [], message: "no path" },
        { path: [], message: "more than asked for" },
      ]),
    ),
  ]);
});

test("an answer names twenty issues at most", () => {
  const issues = Array.from({ length: 1_000 }, (_, index) => ({ message: "wrong", path: [index] }));
  const { client } = connect(schema(() => ({ issues })));
  client.joined("room");
  client.push("room", "event", {});
  expect((responses(client.take())[0] as { issues: unknown[] }).issues).toHaveLength(20);
});

test.each([
  [
    "throws",
    () => {
      throw new Error("schema");
    },
  ],
  ["rejects", async () => Promise.reject(new Error("schema"))],
])("a schema that %s is a mistake of the program: the join crashes, the channel crashes", async (_what, validate) => {
  const joining = connect(z.unknown(), schema(validate));
  joining.client.join("room");
  await settled();
  expect(joining.client.take()).toEqual([replyFrame("1", "1", "room", "error", { reason: "join crashed" })]);
  const joined = connect(schema(validate));
  joined.client.joined("room");
  joined.client.push("room", "event", {});
  await settled();
  expect(joined.client.take()).toEqual([["1", "1", "room", "phx_error", { reason: "channel_crash" }]]);
});

/** Wordings of Zod 4, Valibot 1 and ArkType 2, and of a program's own. Those of the latter three quote the value. */
describe("the value itself never comes back", () => {
  test.each([
    ["Invalid type: Expected number but received {quoted}", "Invalid type: Expected number but received …"],
    ["Invalid email: Received {quoted}", "Invalid email: Received …"],
    ['p must be "a" or "b" (was {quoted})', 'p must be "a" or "b" (was …)'],
    ["{value} is taken", "… is taken"],
    ["no, not {value}, and not {quoted}!", "no, not …, and not …!"],
    ["Too big: expected string to have <=3 characters", "Too big: expected string to have <=3 characters"],
  ])("%s", (wording, expected) => {
    for (const value of [secret, "a b", 'a "quote"', "é", "x", "__proto__", 12_345, 7, -1.5]) {
      const message = wording.replaceAll("{value}", String(value)).replaceAll("{quoted}", JSON.stringify(value));
      for (const path of [["p"], [{ key: "p" }]]) {
        const { client } = connect(schema(() => ({ issues: [{ message, path }] })));
        client.joined("room");
        client.push("room", "event", { p: value });
        expect(client.take()).toEqual([
          replyFrame("1", "9", "room", "error", invalid([{ path: ["p"], message: expected }])),
        ]);
      }
    }
  });

  test("wherever in the payload it is, and as the whole of it", () => {
    const issues = [{ message: `got ${secret}`, path: ["list", 1, "deep"] }];
    const { client } = connect(
      schema(() => ({ issues })),
      schema((value) => (typeof value === "string" ? { issues: [{ message: `got ${value}` }] } : { value })),
    );
    client.join("room", "1", secret);
    expect(client.take()).toEqual([replyFrame("1", "1", "room", "error", invalid([{ path: [], message: "got …" }]))]);
    client.joined("room");
    client.push("room", "event", { list: [0, { deep: secret }] });
    expect(client.take()).toEqual([
      replyFrame("1", "9", "room", "error", invalid([{ path: ["list", 1, "deep"], message: "got …" }])),
    ]);
  });

  test("a path that leads nowhere leaves the message alone", () => {
    const issues = [["gone"], ["p", "length"], ["p", "too", "deep"], ["constructor", "name"]].map((path) => ({
      message: "7 Object",
      path,
    }));
    const { client } = connect(schema(() => ({ issues })));
    client.joined("room");
    client.push("room", "event", { p: secret });
    expect(client.take()).toEqual([replyFrame("1", "9", "room", "error", invalid(issues))]);
  });

  test("a word is not mistaken for a value that is part of it", () => {
    const { client } = connect(schema(() => ({ issues: [{ message: "Expected a name, got 5 of 50", path: ["p"] }] })));
    client.joined("room");
    client.push("room", "event", { p: "a" });
    client.push("room", "event", { p: 5 });
    expect(responses(client.take()).map((response) => JSON.stringify(response))).toEqual([
      expect.stringContaining("Expected … name, got 5 of 50"),
      expect.stringContaining("Expected a name, got … of 50"),
    ]);
  });

  test("Zod's own wordings hold none", () => {
    const all = z.object({
      type: z.number(),
      email: z.email(),
      choice: z.enum(["a", "b"]),
      literal: z.literal("a"),
      long: z.string().max(3),
      union: z.union([z.number(), z.boolean()]),
      date: z.iso.date(),
      pattern: z.string().regex(/^\d+$/),
    });
    const { client } = connect(all);
    client.joined("room");
    client.push("room", "event", Object.fromEntries(Object.keys(all.shape).map((key) => [key, secret])));
    const [refusal] = responses(client.take());
    expect((refusal as { issues: unknown[] }).issues).toHaveLength(8);
    expect(JSON.stringify(refusal)).not.toContain(secret);
  });
});
