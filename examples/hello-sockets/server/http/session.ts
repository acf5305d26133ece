import type { IncomingMessage, ServerResponse } from "node:http";
import type { Account, Accounts } from "../accounts.ts";
import type { Endpoint } from "../endpoint.ts";

const cookieName = "hello_session";
const maxAgeSeconds = 7 * 86_400;

/** Not the socket's salt: a stolen socket token is no page session, and a cookie opens no socket. */
const sessionSalt = "page session";

/** Who a browser is, kept in a signed cookie that its scripts can't read. */
export interface Sessions {
  read(request: IncomingMessage): Promise<Account | null>;
  begin(response: ServerResponse, account: Account): void;
  end(response: ServerResponse): void;
}

export function createSessions(tokens: Endpoint["tokens"], accounts: Accounts): Sessions {
  const setCookie = (response: ServerResponse, value: string, seconds: number) =>
    // Behind TLS add `Secure` and call it `__Host-…`; plain http://localhost would not keep such a cookie.
    response.setHeader("set-cookie", `${cookieName}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}`);

  return {
    async read(request) {
      const claim = tokens.verify(sessionSalt, readCookie(request), { maxAgeSeconds });
      if (!claim.ok) return null;
      const account = await accounts.findById(String(claim.data));
      // The signature is still good after signing out everywhere, so the time of it is what ends the session.
      return account && claim.signedAt > account.signedOutAt ? account : null;
    },
    begin: (response, account) => setCookie(response, tokens.sign(sessionSalt, account.id), maxAgeSeconds),
    end: (response) => setCookie(response, "", 0),
  };
}

function readCookie(request: IncomingMessage): string | undefined {
  for (const pair of (request.headers.cookie ?? "").split(";")) {
    const [name, value] = pair.trim().split("=", 2);
    if (name === cookieName) return value;
  }
  return undefined;
}
