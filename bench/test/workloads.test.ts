/** Every workload against every server, tiny and in this process: that it works and loses nothing. No figure is looked at. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReferenceServer } from "../../conformance/reference-server/server.ts";
import { generate } from "../src/generator/generate.ts";
import { appTokenSalt, benchSecretKeyBase } from "../src/scenario.ts";
import { type ServerName, serverEntry, serverNames } from "../src/servers/catalogue.ts";
import { type ControlListener, listenControl } from "../src/servers/control.ts";
import type { ServerUnderTest } from "../src/servers/server.ts";
import { startServer } from "../src/servers/start.ts";
import { everyWorkloadOf, workloadsOf } from "../src/workloads.ts";

/** Others are met in processes of their own, in launch.test.ts, as far as they are installed. */
const startedHere = serverNames.filter((name) => {
  const { peer, forks, external } = serverEntry(name);
  return peer === undefined && !forks && !external;
});

describe.each(startedHere)("%s", (name: ServerName) => {
  const { kinds } = serverEntry(name);
  const meets = everyWorkloadOf("smoke").filter(({ workload }) => kinds?.includes(workload.kind) ?? true);

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

  test.each(meets)("$name loses nothing", async ({ workload }) => {
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
    expect(outcome.undisturbed === null).toBe(workload.kind !== "slow-reader");
    expect(outcome.offered === null).toBe(workload.kind !== "offered" && workload.kind !== "chat");
  });
});

describe("an application that was there before", () => {
  const { dialect, kinds } = serverEntry("phoenix");
  const meets = workloadsOf("smoke").filter(({ workload }) => kinds?.includes(workload.kind));

  test.each(meets)("$name loses nothing", async ({ workload }) => {
    const app = await startReferenceServer({ port: 0, host: "127.0.0.1", secretKeyBase: benchSecretKeyBase });
    const { port } = new URL(app.url);
    const credential = { secretKeyBase: benchSecretKeyBase, salt: appTokenSalt };
    try {
      const job = { workload, dialect, host: "127.0.0.1", port: Number(port), mount: "/auth_socket", credential };
      const outcome = await generate(job);
      expect(outcome).toMatchObject({ lost: 0, wrong: 0, lastWords: "", serverCpu: null });
      expect(outcome.operations).toBeGreaterThan(0);
    } finally {
      await app.close();
    }
  });
});
