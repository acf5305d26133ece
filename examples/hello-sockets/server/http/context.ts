import type { IncomingMessage, ServerResponse } from "node:http";
import type { Accounts } from "../accounts.ts";
import type { Config } from "../config.ts";
import type { Endpoint } from "../endpoint.ts";
import type { PassOffice } from "../pass-office.ts";
import type { Passwords } from "../password.ts";
import type { Rights } from "../rights.ts";
import type { Rate } from "./rate.ts";
import type { Sessions } from "./session.ts";

/** What the routes work with; made once, in app.ts. */
export interface Workshop {
  readonly config: Config;
  readonly accounts: Accounts;
  readonly passwords: Passwords;
  readonly passOffice: PassOffice;
  readonly rights: Rights;
  readonly endpoint: Endpoint;
  readonly sessions: Sessions;
  readonly rates: { readonly attempts: Rate; readonly probes: Rate };
  /** The same server under its other name, on the port this request came to. */
  foreignUrl(request: IncomingMessage): string;
}

export interface Context {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly app: Workshop;
}

/** "METHOD /path" to what answers it. */
export type Routes = Readonly<Record<string, (context: Context) => Promise<void>>>;

/** What attempts are counted by. Behind a proxy this is the proxy: count there, or trust its header. */
export function addressOf({ request }: Context): string {
  return `address ${request.socket.remoteAddress}`;
}
