/** Headers made to be slow to read. Every pattern that reads one has to be done with it in about the time it took to come. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { cookieSession, csrf, defineEndpoint, defineSocket, signedToken, silentLogger } from "../../src/index.ts";
import { afterwards, secretKeyBase, tokenSalt } from "./support/arena.ts";
import { knock } from "./support/raw.ts";

const bytes = 200_000;
const spaces = " ".repeat(bytes);
const filler = "a".repeat(bytes);

/** On a server that takes headers of megabytes, as one of somebody's own may. */
async function port(): Promise<number> {
  const socket = defineSocket({
    connectInfo: [
      cookieSession({ key: "_k", signingSalt: "a salt of the tests" }),
      "peer",
      "uri",
      "userAgent",
      "xHeaders",
    ],
    authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 }),
    connect: () => ({}),
  });
  const endpoint = defineEndpoint({
    secretKeyBase,
    trustedProxies: ["127.0.0.1"],
    sockets: { "/socket": { socket, channels: [], origins: "conn", longpoll: true } },
    logger: silentLogger,
  });
  const server = createServer({ maxHeaderSize: 4 * bytes });
  endpoint.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterwards(async () => {
    server.close();
    server.closeAllConnections();
    await endpoint.close();
  });
  return (server.address() as AddressInfo).port;
}

test.each([
  ["a cookie of spaces that end in none", `Cookie: _k=a${spaces}b`],
  ["a cookie before whose name spaces stand", `Cookie: a=b;${spaces}_k=b`],
  ["a cookie of semicolons", `Cookie: ${"; ".repeat(bytes / 2)}_k=b`],
  ["a bearer behind spaces", `Authorization: Bearer ${spaces}a b`],
  ["a bearer with a space at its end", `Authorization: Bearer ${filler} ${filler}`],
  ["types that are nearly JSON", `Accept: ${"application/json".repeat(bytes / 16)}`],
  ["a type behind spaces", `Accept: a,${spaces}application/json${spaces}x`],
  ["hops of dots", `X-Forwarded-For: ${"1.1.1.".repeat(bytes / 6)}`],
  ["hops of colons", `X-Forwarded-For: [${":".repeat(bytes)}`],
  ["ever so many hops", `X-Forwarded-For: ${"127.0.0.1,".repeat(bytes / 10)}127.0.0.1`],
  ["an authority of colons", `X-Forwarded-Host: ${":".repeat(bytes)}`],
  ["an authority of digits", `X-Forwarded-Host: a:${"1".repeat(bytes)}`],
  ["an origin of schemes", `Origin: ${"a:".repeat(bytes / 2)}`],
  ["subprotocols of spaces", `Sec-WebSocket-Protocol: phoenix,${spaces}x`],
  ["a token of equals signs", `Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.${"=".repeat(bytes)}a`],
])("%s takes no time", async (_name, header) => {
  const to = await port();
  const token = csrf.token(csrf.state());
  for (const path of ["/socket/websocket", "/socket/longpoll"]) {
    const before = performance.now();
    const client = await knock(to, { path: `${path}?vsn=2.0.0&_csrf_token=${token}`, headers: [header] });
    const tookMs = performance.now() - before;
    client.destroy();
    expect(client.status).toBeLessThan(500);
    expect(tookMs).toBeLessThan(1_500);
  }
});
