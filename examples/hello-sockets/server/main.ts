import { createApp } from "./app.ts";
import { readConfig } from "./config.ts";
import { listenLocally } from "./listen.ts";

const wanted = Number(process.env["PORT"] ?? 4000);
if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535) {
  throw new Error(`PORT is "${process.env["PORT"]}". Expected a number from 0 to 65535.`);
}

const config = readConfig(process.env);
const app = await createApp(config);
const { port, close } = await listenLocally(app.server, wanted);

if (port !== wanted && wanted !== 0) console.log(`\n  Port ${wanted} is taken, so this is ${port}.`);
console.log(
  `\n  Open  http://${config.host}:${port}/\n\n  Accounts are kept in ${config.dataDirectory}. Stop with Ctrl+C.\n`,
);

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // A second Ctrl+C is somebody who does not want to wait.
    if (stopping) process.exit(1);
    stopping = true;
    close();
    void app.close();
  });
}
