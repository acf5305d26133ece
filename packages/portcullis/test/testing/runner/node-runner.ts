/** The cases under Node's own runner: started by runners.test.ts. */
import { test } from "node:test";
import { cases } from "./cases.ts";

for (const { name, run } of cases) test(name, run);
