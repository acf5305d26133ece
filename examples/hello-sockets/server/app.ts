import { createServer, type Server } from "node:http";
import { openAccounts } from "./accounts.ts";
import type { Config } from "./config.ts";
import { createEndpoint, type Endpoint } from "./endpoint.ts";
import { createHandler } from "./http/handler.ts";
import { createRate } from "./http/rate.ts";
import { createSessions } from "./http/session.ts";
import { readStaticFiles } from "./http/static.ts";
import { createPasswords } from "./password.ts";

export interface App {
  readonly server: Server;
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

/** Puts the parts together. Nothing listens yet: main.ts and the tests decide where. */
export async function createApp(config: Config): Promise<App> {
  const files = readStaticFiles(config.pageDirectory);
  const accounts = await openAccounts(config.dataDirectory);
  const endpoint = createEndpoint(config, accounts);
  const handler = createHandler(
    {
      config,
      accounts,
      endpoint,
      passwords: await createPasswords(config.passwordCost),
      sessions: createSessions(endpoint.tokens, accounts),
      rates: {
        attempts: createRate(config.attemptsPerMinute, config.now),
        probes: createRate(config.probesPerMinute, config.now),
      },
      foreignUrl: (request) => `http://${config.foreignHost}:${request.headers.host?.split(":")[1] ?? 80}/`,
    },
    files,
  );
  // A slow client has 10 s for its headers and its body, not Node's five minutes.
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, handler);
  endpoint.attach(server);

  return {
    server,
    endpoint,
    async close() {
      await endpoint.close();
      await new Promise((closed) => {
        server.close(closed);
        server.closeAllConnections();
      });
      accounts.close();
    },
  };
}
