// The plain HTTP routes of the recorded application: what a test does from outside of any socket.
import type { IncomingMessage, ServerResponse } from "node:http";
import { csrf, type Endpoint, type SessionCookies } from "portcullis";
import { inspect } from "./inspect.ts";
import { presence } from "./presence.ts";
import { sessionCookie } from "./sockets.ts";

type Query = URLSearchParams;
type TheEndpoint = Pick<Endpoint, "broadcast" | "localBroadcast" | "disconnect" | "drain" | "tokens" | "~parts">;
type Answer = string | TextWithCookie | Readonly<Record<string, unknown>>;
type Route = (endpoint: TheEndpoint, query: Query, body: string) => Answer | null;

class TextWithCookie {
  readonly text: string;
  readonly cookie: string;

  constructor(text: string, cookie: string) {
    this.text = text;
    this.cookie = cookie;
  }
}

const routes: Readonly<Record<string, Route>> = {
  "GET /": () => "hello",
  "POST /broadcast"(endpoint, _query, body) {
    const { topic, event, payload } = JSON.parse(body) as { topic: string; event: string; payload: object };
    endpoint.broadcast(topic, event, payload);
    return { ok: true };
  },
  "POST /bench/broadcast": broadcastMany,
  "POST /disconnect"(endpoint, query) {
    const user = query.get("user");
    const id = user === null ? query.get("id") : `auth_socket:${user}`;
    if (id === null) return null;
    endpoint.disconnect(id);
    return { ok: true };
  },
  "POST /drain"(endpoint) {
    void endpoint.drain();
    return { ok: true };
  },
  "GET /presence": (endpoint, query) => presence.list(endpoint, query.get("topic") ?? ""),
  "GET /token": (endpoint, query) => ({
    token: endpoint.tokens.sign(saltIn(query), query.get("user"), signedAtIn(query)),
  }),
  "GET /encrypt": (endpoint, query) => ({
    token: endpoint.tokens.encrypt(saltIn(query), query.get("user"), signedAtIn(query)),
  }),
  "GET /verify": ({ tokens }, query) => ({
    result: inspectResult(tokens.verify(saltIn(query), query.get("token"), maxAgeIn(query))),
  }),
  "GET /decrypt": ({ tokens }, query) => ({
    result: inspectResult(tokens.decrypt(saltIn(query), query.get("token"), maxAgeIn(query))),
  }),
};

/** Answers the requests that are no socket's. */
export function createRoutes(
  endpoint: TheEndpoint,
  sessionCookies: SessionCookies,
): (request: IncomingMessage, response: ServerResponse) => void {
  const all = { ...routes, "GET /session": () => newSession(sessionCookies) };
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => response.destroy());
    request.on("end", () => {
      try {
        respond(response, answerTo(all, endpoint, request, Buffer.concat(chunks).toString("utf8")));
      } catch {
        response.writeHead(500, json).end('{"errors":{"detail":"Internal Server Error"}}');
      }
    });
  };
}

const json = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };

function answerTo(
  all: Readonly<Record<string, Route>>,
  endpoint: TheEndpoint,
  request: IncomingMessage,
  body: string,
): Answer | null {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const name = `${request.method} ${pathname}`;
  const route = Object.hasOwn(all, name) ? all[name] : undefined;
  return route?.(endpoint, searchParams, body) ?? null;
}

function respond(response: ServerResponse, answer: Answer | null): void {
  if (answer === null) response.writeHead(404).end("not found");
  else if (typeof answer === "string") response.writeHead(200).end(answer);
  else if (answer instanceof TextWithCookie) response.writeHead(200, { "set-cookie": answer.cookie }).end(answer.text);
  else response.writeHead(200, json).end(JSON.stringify(answer));
}

function newSession(sessionCookies: SessionCookies): TextWithCookie {
  const state = csrf.state();
  const value = sessionCookies.seal({ _csrf_token: state, who: "me" });
  return new TextWithCookie(csrf.token(state), `${sessionCookie.key}=${value}; path=/; HttpOnly; SameSite=Lax`);
}

function broadcastMany(endpoint: TheEndpoint, query: Query): Answer {
  const count = Number(query.get("n") ?? 1);
  const topic = query.get("topic") ?? "bench:1";
  const event = query.get("event") ?? "bench";
  const data = "x".repeat(Number(query.get("size") ?? 0));
  const startedUs = microseconds();
  for (let i = 0; i < count; i++) endpoint.broadcast(topic, event, { i, t: microseconds(), data });
  return { n: count, us: microseconds() - startedUs };
}

const microseconds = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

function saltIn(query: Query): string {
  return query.get("salt") ?? "salt identifier";
}

function signedAtIn(query: Query): { signedAt?: number } {
  const seconds = query.get("signed_at");
  return seconds === null ? {} : { signedAt: Number(seconds) * 1000 };
}

function maxAgeIn(query: Query): { maxAgeSeconds?: number } {
  const maxAge = query.get("max_age");
  if (maxAge === null) return {};
  return { maxAgeSeconds: maxAge === "infinity" ? Number.POSITIVE_INFINITY : Number(maxAge) };
}

function inspectResult(result: ReturnType<TheEndpoint["tokens"]["verify"]>): string {
  return result.ok ? `{:ok, ${inspect(result.data)}}` : `{:error, :${result.reason}}`;
}
