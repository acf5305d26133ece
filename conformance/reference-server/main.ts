// npm run server --workspace portcullis-conformance -- --port 4100
import { parseArgs } from "node:util";
import { consoleLogger, silentLogger } from "portcullis";
import { startReferenceServer } from "./server.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env["PORT"] ?? "4100" },
    host: { type: "string", default: "127.0.0.1" },
    verbose: { type: "boolean", default: false },
  },
});

const secretKeyBase = process.env["SECRET_KEY_BASE"];
const server = await startReferenceServer({
  port: Number(values.port),
  host: values.host,
  ...(secretKeyBase === undefined ? {} : { secretKeyBase }),
  // Clients that are tested here make channels crash on purpose.
  logger: values.verbose ? consoleLogger : silentLogger,
});
console.log(`The reference server listens on ${server.url}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void server.close().then(() => process.exit(0)));
}
