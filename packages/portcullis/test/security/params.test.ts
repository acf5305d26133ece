/** Params that are no strings, or no decent ones (security rows 1.8, 1.9). */
import { expect, test } from "vitest";
import { z } from "zod";
import { defineSocket, type Params } from "../../src/index.ts";
import { inheritsNothing } from "../support/bare.ts";
import { arena } from "./support/arena.ts";

/** What `connect` saw for a query, or the status of the refusal. */
async function seenFor(query: string, mount: object = {}): Promise<unknown> {
  let seen: Params | null = null;
  const socket = defineSocket({
    connect({ params }) {
      seen = params;
      return {};
    },
  });
  const { knock } = await arena({ sockets: { "/socket": { socket, channels: [], ...mount } } });
  const client = await knock({ path: `/socket/websocket?${query}` });
  return client.status === 101 ? seen : client.status;
}

const vsn = "vsn=2.0.0";
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test.each([
  ["vsn[]=2.0.0"],
  ["vsn[a]=2.0.0"],
  ["vsn[__proto__]=2.0.0"],
  ["vsn=2.0.0&vsn[]=2.0.0"],
  ["vsn=2"],
  ["vsn=2.0"],
  ["vsn=2.1.0"],
  ["vsn=3.0.0"],
  ["vsn="],
  ["vsn=2.0.0%00"],
  ["vsn=2.0.0%0a"],
  ["vsn=02.0.0"],
  [`vsn=2.0.${"9".repeat(5_000)}`],
  ["vsn=__proto__"],
  ["vsn=constructor"],
  ["vsn=2.0.0&vsn=nonsense"],
])("a version that is none is refused with 403: %s", async (query) => {
  expect(await seenFor(query)).toBe(403);
});

test("a version the mount doesn't speak is refused with 403", async () => {
  expect(await seenFor("vsn=1.0.0", { serializers: ["v2"] })).toBe(403);
  expect(await seenFor("", { serializers: ["v2"] })).toBe(403);
});

test.each([
  ["a list", "a[]=1&a[]=2", { a: ["1", "2"] }],
  ["a map", "a[b]=1&a[c]=2", { a: { b: "1", c: "2" } }],
  ["duplicated: the last counts", "a=1&a=2&a=3", { a: "3" }],
  ["a list and then a map", "a[]=1&a[b]=2", { a: { b: "2" } }],
  ["a string and then a map", "a=1&a[b]=2", { a: { b: "2" } }],
  ["a map and then a string", "a[b]=1&a=2", { a: "2" }],
  ["broken percent signs", "a=%&b=%zz&%c3=%c3", { a: "%", b: "%zz", "%c3": "%c3" }],
  [
    "broken brackets",
    "a[=1&b]=2&[]=3&a[b]c=4&a[[]]=5",
    { "a[": "1", "b]": "2", "[]": "3", "a[b]c": "4", "a[[]]": "5" },
  ],
  ["nothing but separators", "&&&=&&", { "": "" }],
])("params that are %s", async (_name, query, expected) => {
  expect(plain(await seenFor(`${vsn}&${query}`))).toEqual({ vsn: "2.0.0", ...expected });
});

test("prototype names are names like any other", async () => {
  const seen = (await seenFor(
    `${vsn}&__proto__[polluted]=1&constructor[prototype][polluted]=1&a[__proto__][polluted]=1&toString=1&hasOwnProperty=1`,
  )) as Record<string, unknown>;
  expect(inheritsNothing(seen)).toBe(true);
  expect(Object.keys(seen)).toEqual(["vsn", "__proto__", "constructor", "a", "toString", "hasOwnProperty"]);
  expect(plain(Object.entries(seen)[1])).toEqual(["__proto__", { polluted: "1" }]);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("lone surrogates and control characters arrive as they are, and end nothing", async () => {
  const seen = await seenFor(`${vsn}&a=%ED%A0%80&b=%00%0a%1b`);
  expect(plain(seen)).toMatchObject({ a: "%ED%A0%80", b: "\0\n\u001b" });
});

test.each([
  ["more than 250 params", Array.from({ length: 260 }, (_, index) => `p${index}=1`).join("&")],
  ["more than 250 separators", "&".repeat(1_000)],
  ["deeper than ten levels", `a${"[b]".repeat(11)}=1`],
  ["a thousand levels", `a${"[b]".repeat(1_000)}=1`],
])("%s are refused with 403", async (_name, query) => {
  expect(await seenFor(`${vsn}&${query}`)).toBe(403);
});

test("a query of a megabyte is refused by node:http with 431, and nobody else notices", async () => {
  const { knock, bystander, connects } = await arena();
  const other = await bystander();
  const client = await knock({ path: `/socket/websocket?vsn=2.0.0&a=${"x".repeat(1_048_576)}` });
  expect(client.status).toBe(431);
  expect(connects.count).toBe(1);
  await other.noticedNothing();
});

test("a schema sees the params, and what doesn't fit is 403 without the value in the log", async () => {
  const connects: unknown[] = [];
  const socket = defineSocket({
    params: z.object({ room: z.string().max(5), labels: z.record(z.string(), z.string().max(3)).optional() }),
    connect({ params }) {
      connects.push(params);
      return {};
    },
  });
  const { knock, said } = await arena({ sockets: { "/socket": { socket, channels: [] } } });
  const ask = async (query: string) => (await knock({ path: `/socket/websocket?vsn=2.0.0&${query}` })).status;
  expect(await ask("room=lobby")).toBe(101);
  for (const query of ["", "room[]=lobby", "room[a]=lobby", "room=topsecretvalue"]) expect(await ask(query)).toBe(403);
  expect(connects).toEqual([{ room: "lobby" }]);
  expect(said[0]?.message).toContain('schema at "room"');
  expect(JSON.stringify(said)).not.toContain("topsecretvalue");
});

test("a key of the client's in the log is quoted, on one line", async () => {
  const socket = defineSocket({ params: z.record(z.string(), z.string().max(9)), connect: () => ({}) });
  const { knock, said } = await arena({ sockets: { "/socket": { socket, channels: [] } } });
  await knock({ path: "/socket/websocket?vsn=2.0.0&x%0aportcullis:+all+is+well=0123456789" });
  expect(said).toHaveLength(1);
  expect(said[0]?.message).not.toContain("\n");
  expect(said[0]?.message).toContain("\\nportcullis");
});

test("path variables win over params of the same name", async () => {
  let seen: Params | null = null;
  const socket = defineSocket({
    connect({ params }) {
      seen = params;
      return {};
    },
  });
  const { enter, knock } = await arena({ sockets: { "/ws/:tenant": { socket, channels: [] } } });
  await enter({ path: "/ws/acme%2Finc/websocket?vsn=2.0.0&tenant=other&tenant[]=list" });
  expect(plain(seen)).toEqual({ vsn: "2.0.0", tenant: "acme/inc" });
  await enter({ path: "/ws/__proto__/websocket?vsn=2.0.0" });
  expect(plain(seen)).toEqual({ vsn: "2.0.0", tenant: "__proto__" });
  expect((await knock({ path: "/ws//websocket?vsn=2.0.0" })).status).toBe(404);
});
