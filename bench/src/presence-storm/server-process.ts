/** The server's process: takes a storm as JSON on the command line, prints its two ports, serves until its standard input ends. */
import { listenControl } from "../servers/control.ts";
import type { Storm } from "./plan.ts";
import { startPresenceServer } from "./server.ts";

const server = await startPresenceServer(JSON.parse(process.argv[2] ?? "null") as Storm);
const control = await listenControl(server);
process.stdout.write(`${JSON.stringify({ port: server.port, controlPort: control.port })}\n`);

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
