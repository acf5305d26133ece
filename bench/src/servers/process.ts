/** The server's process: `node process.js <server>` prints one line with its two ports and its id and serves until its standard input ends. */
import { isServerName } from "./catalogue.ts";
import { listenControl } from "./control.ts";
import { startServer } from "./start.ts";

const name = process.argv[2] ?? "";
if (!isServerName(name)) {
  throw new Error(`Expected the name of a server, got "${name}". The names are in servers/catalogue.ts.`);
}
const server = await startServer(name);
const control = await listenControl(server);
process.stdout.write(`${JSON.stringify({ port: server.port, controlPort: control.port, pid: process.pid })}\n`);

// An orderly exit even if connections are still open: `--cpu-prof` writes its file only then. Covers a runner that died, too.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
