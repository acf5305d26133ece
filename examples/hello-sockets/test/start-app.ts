import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "portcullis";
import { type App, createApp } from "../server/app.ts";
import { type Config, readConfig } from "../server/config.ts";
import { listenLocally } from "../server/listen.ts";

export interface RunningApp {
  readonly app: App;
  readonly port: number;
  /** Under the name people use. */
  readonly home: string;
  /** Under the name that makes it foreign. */
  readonly foreign: string;
  readonly dataDirectory: string;
  stop(): Promise<void>;
}

/** The whole demo on a free port with an account file of its own. Without a page it serves an empty one. */
export async function startApp(overrides: Partial<Config> = {}, wantedPort = 0): Promise<RunningApp> {
  const directory = mkdtempSync(join(tmpdir(), "hello-sockets-"));
  for (const name of ["index.html", "foreign.html"]) writeFileSync(join(directory, name), `<title>${name}</title>`);
  const config = readConfig(
    {},
    {
      dataDirectory: directory,
      pageDirectory: directory,
      // A password check of a millisecond: its cost is not what these tests are about.
      passwordCost: 4,
      attemptsPerMinute: 1_000,
      logger: silentLogger,
      ...overrides,
    },
  );
  const app = await createApp(config);
  const { port, close } = await listenLocally(app.server, wantedPort);
  return {
    app,
    port,
    home: `http://localhost:${port}`,
    foreign: `http://127.0.0.1:${port}`,
    dataDirectory: directory,
    async stop() {
      close();
      await app.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
