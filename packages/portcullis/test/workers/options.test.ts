/** What `workers` may be, and where there can be none. */
import cluster from "node:cluster";
import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { defineEndpoint, defineSocket } from "../../src/index.ts";
import { workerCount } from "../../src/listen/primary.ts";
import { afterwards } from "../security/support/arena.ts";

const endpointOf = () => {
  const endpoint = defineEndpoint({
    secretKeyBase: "s".repeat(64),
    sockets: { "/socket": { socket: defineSocket(), channels: [] } },
  });
  afterwards(() => endpoint.close());
  return endpoint;
};

test("as many as asked for, or as there are cores", () => {
  expect([workerCount(1), workerCount(1_024), workerCount("auto")]).toEqual([1, 1_024, availableParallelism()]);
});

test.each([0, -1, 1.5, Number.NaN, 1_025, "2", "all", null])("%s is no number of workers", async (workers) => {
  const listening = endpointOf().listen({ port: 0, workers: workers as number });
  await expect(listening).rejects.toThrow(TypeError);
  await expect(listening).rejects.toThrow('Expected workers to be "auto" or a number from 1 to 1024, got ');
});

test("a process that has workers of its own gets no others", async () => {
  const workers = cluster.workers;
  Object.assign(cluster, { workers: { 1: {} } });
  afterwards(() => void Object.assign(cluster, { workers }));
  await expect(endpointOf().listen({ port: 0, workers: 1 })).rejects.toMatchObject({
    code: "definition_invalid",
    message: expect.stringContaining("it has workers already"),
  });
});

test("nor does a worker of somebody else's cluster", async () => {
  Object.assign(cluster, { isWorker: true });
  afterwards(() => void Object.assign(cluster, { isWorker: false }));
  await expect(endpointOf().listen({ port: 0, workers: 1 })).rejects.toMatchObject({
    code: "definition_invalid",
    message: expect.stringContaining("whoever started it looks after it"),
  });
});
