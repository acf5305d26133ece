/** A scripted server for every test of a file, gone with its clients when the test is over. */

import { afterEach, beforeEach } from "vitest";
import { ScriptedServer } from "./scripted-server.ts";
import { closeClients } from "./tested-client.ts";

export let server: ScriptedServer;

beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(async () => {
  closeClients();
  await server.stop();
});
