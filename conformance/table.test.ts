// The table, every cell of it, against the reference server, alone and as two nodes behind one address. All of it runs at
// once, because most of what a case does is wait; Vitest would run only a few at a time.
import { silentLogger } from "portcullis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReferenceServer } from "./reference-server/server.ts";
import { Stillness } from "./stillness.ts";
import { type Case, type Cell, transports, vsns } from "./table/case.ts";
import { cases } from "./table/cases.ts";
import { nameOf } from "./table/report.ts";
import { type Result, runTable } from "./table/run.ts";
import { startTwoNodes } from "./table/two-nodes.ts";

const worlds = [
  { name: "one node", isCluster: false, start: () => startReferenceServer({ port: 0, logger: silentLogger }) },
  { name: "two nodes", isCluster: true, start: startTwoNodes },
];
// Without its address, which is known once there is a server: what can be held in a cell has to be known before.
const cells: readonly Cell[] = worlds.flatMap(({ name, isCluster }) =>
  transports.flatMap((transport) => vsns.map((vsn) => ({ world: { name, url: "", isCluster }, transport, vsn }))),
);
const isHeld = (testCase: Case, cell: Cell): boolean => !testCase.leftOut?.(cell);
const titleOf = (cell: Cell): string => `${cell.world.name}, ${nameOf(cell)}`;

const results = new Map<string, Promise<Result>>();
const settle = new Map<string, (result: Result) => void>();
const keyOf = (id: string, cell: Cell): string => `${titleOf(cell)} ${id}`;
for (const cell of cells) {
  for (const { id } of cases) {
    results.set(keyOf(id, cell), new Promise((resolve) => settle.set(keyOf(id, cell), resolve)));
  }
}

const stillness = new Stillness();
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  for (const { name, start } of worlds) {
    const server = await start();
    const columns = cells.filter(({ world }) => world.name === name);
    const run = runTable(
      cases,
      columns.map((cell) => ({ ...cell, world: { ...cell.world, url: server.url } })),
      {
        patienceMs: 15_000,
        atOnce: 8,
        stoodStill: () => stillness.stoodStill(),
        report: (result) => settle.get(keyOf(result.testCase.id, result.cell))?.(result),
      },
    );
    closing.push(() => run.then(() => server.close()));
  }
});
afterAll(async () => {
  await Promise.all(closing.map((close) => close()));
  stillness.end();
});

for (const cell of cells) {
  const held = cases.filter((testCase) => isHeld(testCase, cell)).map(({ id, says }) => [id, says] as const);
  test.each(held)(`${titleOf(cell)} %s: %s`, { timeout: 60_000 }, async (id) => {
    expect(await results.get(keyOf(id, cell))).toMatchObject({ verdict: "ok", why: "" });
  });
}

test("every case has a name of its own, and is held somewhere", () => {
  expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
  expect(cases.filter((testCase) => !cells.some((cell) => isHeld(testCase, cell)))).toEqual([]);
});
