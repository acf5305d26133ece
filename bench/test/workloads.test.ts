/** Every workload against every server, tiny and in this process: that it works and loses nothing. No figure is looked at. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generate } from "../src/generator/generate.ts";
import { type ServerName, serverEntry, serverNames } from "../src/servers/catalogue.ts";
import { type ControlListener, listenControl } from "../src/servers/control.ts";
import type { ServerUnderTest } from "../src/servers/server.ts";
import { startServer } from "../src/servers/start.ts";
import { workloadsOf } from "../src/workloads.ts";

describe.each(serverNames)("%s", (name: ServerName) => {
  let server: ServerUnderTest;
  let control: ControlListener;

  beforeAll(async () => {
    server = await startServer(name);
    control = await listenControl(server);
  });

  afterAll(async () => {
    await control?.close();
    await server?.close();
  });

  test.each(workloadsOf("smoke"))("$name loses nothing", async ({ workload }) => {
    const outcome = await generate({
      workload,
      dialect: serverEntry(name).dialect,
      port: server.port,
      controlPort: control.port,
    });
    expect(outcome).toMatchObject({ lost: 0, wrong: 0, lastWords: "" });
    expect(outcome.operations).toBeGreaterThan(0);
    expect(outcome.checked).toBeGreaterThan(0);
    expect(outcome.memory === null).toBe(workload.kind !== "memory");
  });
});
