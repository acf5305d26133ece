// Every case of the table.
import type { Case } from "./case.ts";
import { broadcasting } from "./cases/broadcasting.ts";
import { bytes } from "./cases/bytes.ts";
import { connecting } from "./cases/connecting.ts";
import { joining } from "./cases/joining.ts";
import { leaving } from "./cases/leaving.ts";
import { origins } from "./cases/origins.ts";
import { polling } from "./cases/polling.ts";
import { presences } from "./cases/presences.ts";
import { pushing } from "./cases/pushing.ts";

export const cases: readonly Case[] = [
  ...connecting,
  ...origins,
  ...joining,
  ...leaving,
  ...pushing,
  ...broadcasting,
  ...bytes,
  ...polling,
  ...presences,
];
