import { createServer, type IncomingMessage } from "node:http";
import { createClient } from "@libsql/client";
import { createTickets, defineEndpoint, defineSocket } from "portcullis";
import { libsqlCredentialStore } from "portcullis/auth/libsql";

const client = createClient({ url: process.env["DATABASE_URL"] ?? "file:credentials.db", timeout: 5_000 });
const store = libsqlCredentialStore({ client });
const tickets = createTickets<{ name: string }>({ store, lifetimeSeconds: 3_600, param: "ticket" });

const socket = defineSocket({
  authenticate: tickets.authenticate,
  connect: ({ identity }) => ({ userId: identity.subject, name: identity.claims.name }),
});

export const endpoint = defineEndpoint({
  secretKeyBase: process.env["SECRET_KEY_BASE"] ?? "",
  sockets: { "/socket": { socket, channels: [] } },
  store, // for endpoint.revoke, too
});

export const server = createServer(async (request, response) => {
  const user = signedInUser(request);
  if (request.method !== "POST" || request.url !== "/ticket") response.writeHead(404).end();
  else if (user === null) response.writeHead(401).end();
  else response.end(await tickets.issue(endpoint, { subject: user.id, claims: { name: user.name } }));
});
endpoint.attach(server);

/** Your login stands here. */
function signedInUser({ headers }: IncomingMessage): { readonly id: string; readonly name: string } | null {
  return headers.authorization === "Bearer of ada" ? { id: "ada", name: "Ada" } : null;
}
