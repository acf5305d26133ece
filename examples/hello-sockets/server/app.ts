import { createServer, type Server } from "node:http";
import { libsqlCredentialStore } from "portcullis/auth/libsql";
import { openAccounts } from "./accounts.ts";
import type { Config } from "./config.ts";
import { openDatabase } from "./database.ts";
import { createEndpoint, type Endpoint } from "./endpoint.ts";
import { createHandler } from "./http/handler.ts";
import { createRate } from "./http/rate.ts";
import { createSessions } from "./http/session.ts";
import { readStaticFiles } from "./http/static.ts";
import { createPassOffice } from "./pass-office.ts";
import { createPasswords } from "./password.ts";
import { createRights } from "./rights.ts";

export interface App {
  readonly server: Server;
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

/** Puts the parts together. Nothing listens yet: main.ts and the tests decide where. */
export async function createApp(config: Config): Promise<App> {
  const files = readStaticFiles(config.pageDirectory);
  const database = openDatabase(config.dataDirectory);
  const accounts = await openAccounts(database);
  const passOffice = await createPassOffice(config.passSeconds);
  const rights = createRights();
  const endpoint = createEndpoint(config, {
    accounts,
    passOffice,
    rights,
    store: libsqlCredentialStore({ client: database }),
  });
  const handler = createHandler(
    {
      config,
      accounts,
      endpoint,
      passOffice,
      rights,
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
      database.close();
    },
  };
}
