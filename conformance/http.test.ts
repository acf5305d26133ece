// Every single request that was recorded, answered by the reference server.
import { silentLogger } from "portcullis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ReferenceServer, startReferenceServer } from "./reference-server/server.ts";
import { caseDifferences, httpCases, playCase } from "./replay/http-cases.ts";

const cases = httpCases();
let server: ReferenceServer;
beforeAll(async () => {
  server = await startReferenceServer({ port: 0, logger: silentLogger });
});
afterAll(() => server.close());

test.each(cases)("$id: $desc", async (recorded) => {
  expect(await playCase(new URL(server.url), recorded)).toBeUndefined();
});

test("all of them are there, and a difference on purpose is none by accident", async () => {
  expect(cases.length).toBeGreaterThanOrEqual(49);
  for (const { id } of caseDifferences) {
    const recorded = cases.find((each) => each.id === id);
    if (recorded === undefined) throw new Error(`There is no case ${id}.`);
    const strictly = await playCase(new URL(server.url), recorded, true);
    if (/-key$/.test(id)) continue;
    expect(strictly, id).toBeDefined();
  }
});
