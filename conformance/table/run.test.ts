// The table itself: a case that a wrong server passes holds nothing.
import { silentLogger } from "portcullis";
import { expect, test } from "vitest";
import { startReferenceServer } from "../reference-server/server.ts";
import { type Cell, transports, vsns } from "./case.ts";
import { cases } from "./cases.ts";
import type { Vsn } from "./message.ts";
import { tableOf } from "./report.ts";
import { type Result, runCase, runTable } from "./run.ts";
import { type Alter, type StandIn, startAltering, startMute, startRefusing } from "./stand-ins.ts";

const cellsOf = ({ url }: StandIn): Cell[] =>
  transports.flatMap((transport) => vsns.map((vsn) => ({ world: { name: "stand-in", url }, transport, vsn })));

test.each([
  ["lets everybody in and says nothing", startMute],
  ["refuses everybody", startRefusing],
])("no case is passed by a server that %s", { timeout: 60_000 }, async (_what, start) => {
  const server = await start();
  const results = await runTable(cases, cellsOf(server), { patienceMs: 300, atOnce: 60 });
  await server.close();
  const passed = results.filter(({ verdict }) => verdict === "ok" || verdict === "unreachable");
  expect(passed.map(({ testCase, cell }) => `${testCase.id} ${cell.transport} ${cell.vsn}`)).toEqual([]);
});

const v2 = (change: (fields: unknown[]) => readonly unknown[]): Alter => {
  return (message) => (Array.isArray(message) ? change([...message]) : [message]);
};
const event = 3;
const payload = 4;

const wrongs: readonly (readonly [wrong: string, id: string, vsn: Vsn, alter: Alter])[] = [
  ["gives the ref as join_ref", "join", 2, v2(([, ref, ...rest]) => [[ref, ref, ...rest]])],
  ["sends everything twice", "join", 2, (message) => [message, message]],
  ["adds a sixth element", "join", 2, v2((fields) => [[...fields, null]])],
  ["gives a join_ref to version 1", "join", 1, (message) => [{ ...message, join_ref: "11" }]],
  ["makes refs numbers", "push-refs", 2, v2(([joinRef, ref, ...rest]) => [[joinRef, Number(ref), ...rest]])],
  ["keeps phx_close to itself", "leave", 2, v2((fields) => (fields[event] === "phx_close" ? [] : [fields]))],
  ["gives a join_ref to broadcasts", "broadcast", 2, v2(([joinRef, ...rest]) => [[joinRef ?? "11", ...rest]])],
  [
    "says nothing of why a channel crashed",
    "crashes-by-crash",
    2,
    v2((fields) => [fields[event] === "phx_error" ? fields.with(payload, {}) : fields]),
  ],
  [
    "hides that a topic is unmatched",
    "join-unmatched",
    1,
    (message) => [JSON.parse(JSON.stringify(message).replace("unmatched topic", "no such topic"))],
  ],
  [
    "tells presences without metas",
    "presence-join",
    2,
    (message) => [JSON.parse(JSON.stringify(message).replaceAll('"metas"', '"meta"'))],
  ],
];

test.each(wrongs)("a server that %s is noticed by %s", async (_wrong, id, vsn, alter) => {
  const { right, wrong } = await runBehind(id, vsn, alter);
  expect(right).toMatchObject({ verdict: "ok", why: "" });
  expect(wrong).toMatchObject({ verdict: "failed", why: expect.stringMatching(/./) });
});

test("a server that closes with another code is noticed", async () => {
  const { right, wrong } = await runBehind(
    "disconnect",
    2,
    (message) => [message],
    (code) => (code === 1001 ? 1000 : code),
  );
  expect(right).toMatchObject({ verdict: "ok", why: "" });
  expect(wrong).toMatchObject({ verdict: "failed", why: "Expected close 1001, got 1000." });
});

/** One case behind a proxy that changes nothing, and behind one that does. */
async function runBehind(id: string, vsn: Vsn, alter: Alter, closeCode?: (code: number) => number) {
  const testCase = cases.find((each) => each.id === id);
  if (testCase === undefined) throw new Error(`no case ${id}`);
  const server = await startReferenceServer({ port: 0, logger: silentLogger });
  const honest = await startAltering(server.url, (message) => [message]);
  const altering = await startAltering(server.url, alter, closeCode);
  const cell = ({ url }: StandIn): Cell => ({ world: { name: "proxy", url }, transport: "websocket", vsn });
  const right = await runCase(testCase, cell(honest));
  const wrong = await runCase(testCase, cell(altering), 1_000);
  await Promise.all([honest.close(), altering.close()]);
  await server.close();
  return { right, wrong };
}

test("the table shows each case and column, and says why of what isn't ok", () => {
  const cell: Cell = { world: { name: "any", url: "" }, transport: "websocket", vsn: 2 };
  const other: Cell = { ...cell, transport: "longpoll" };
  const testCase = { id: "some-case", says: "that all is well", run: async () => {} };
  const result = (parts: Pick<Result, "cell" | "verdict" | "why">): Result => ({ testCase, tookMs: 1, ...parts });
  const text = tableOf(
    [
      result({ cell, verdict: "failed", why: "it was not" }),
      result({ cell: other, verdict: "left out", why: "it can't be" }),
    ],
    [cell, other],
  );
  expect(text.split("\n").slice(0, 2)).toEqual([
    "case       websocket 2.0.0  longpoll 2.0.0",
    "some-case  FAILED           -",
  ]);
  expect(text).toContain("some-case, websocket 2.0.0: that all is well\n  it was not");
  expect(text).toContain("left out, because it can't be:\n  some-case");
});
