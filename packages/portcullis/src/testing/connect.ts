/**
 * Knocking at an endpoint's gate from a test.
 *
 * @module
 */

import type { Endpoint } from "../endpoint.ts";
import type { RefusalCode } from "../errors.ts";
import type { LocalTransport } from "../transport/local.ts";
import { brief, failure } from "./brief.ts";
import type { Vsn } from "./client-wire.ts";
import { makeRequest, type TestPeer, toQuery } from "./request.ts";
import { TestSocket } from "./test-socket.ts";
import type { AnyMount, MountAt, PathsOf } from "./types.ts";

/** Options of {@link connect} and {@link refused}. */
export interface ConnectOptions {
  /** The connection's params: its query string, nested as clients nest them. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** The credential, put where the mount reads it: beside the subprotocols, in a header, or in the params. */
  readonly token?: string;
  /** Headers of the request: cookies, `x-forwarded-for`… */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** The page's origin. Default none, as of a client that is no browser. */
  readonly origin?: string;
  /** Default `"2.0.0"`. */
  readonly vsn?: Vsn;
  /** Subprotocols to offer. */
  readonly subprotocols?: readonly string[];
  readonly peer?: TestPeer;
  /** How long the assertions of this connection wait. Default 1,000. */
  readonly withinMs?: number;
}

/** What a refused connection was answered. */
export interface Refusal {
  /** Which check refused, as the table of errors names it. */
  readonly code: RefusalCode;
  /** The HTTP status. */
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A connection that was not let in: what {@link connect} rejects with. */
export class ConnectionRefused extends Error implements Refusal {
  override readonly name = "ConnectionRefused";
  readonly code: RefusalCode;
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(path: string, refusal: Refusal) {
    super(
      `Connecting to ${path} was refused: ${refusal.status} (${refusal.code}). To test a refusal: await refused(endpoint, "${path}").`,
    );
    this.code = refusal.code;
    this.status = refusal.status;
    this.body = refusal.body;
    this.headers = refusal.headers;
  }
}

/**
 * Connects to a socket of `endpoint`: the whole gate is passed, origins, credentials, `connect`, but there is no network.
 *
 * The endpoint need not listen. Path, topics, payloads and replies have the types of its definitions.
 *
 * @example
 * ```ts
 * const token = endpoint.tokens.sign("user socket", "42", { maxAgeSeconds: 60 });
 * const socket = await connect(endpoint, "/socket", { token });
 * ```
 *
 * @throws ConnectionRefused when the gate says no, TypeError for a path nothing is mounted on.
 */
export async function connect<Sockets, const Path extends PathsOf<Sockets>>(
  endpoint: Endpoint<Sockets>,
  path: Path,
  options: ConnectOptions = {},
): Promise<TestSocket<MountAt<Sockets, Path>>> {
  const answer = await knock(endpoint, path, options);
  if (!(answer instanceof TestSocket)) throw new ConnectionRefused(path, answer);
  return answer as unknown as TestSocket<MountAt<Sockets, Path>>;
}

/**
 * Knocks to be refused, and returns the answer.
 *
 * @example
 * ```ts
 * const { code, status } = await refused(endpoint, "/socket", { origin: "https://elsewhere.example" });
 * ```
 *
 * @throws AssertionError when the connection is let in, TypeError for a path nothing is mounted on.
 */
export async function refused<Sockets, const Path extends PathsOf<Sockets>>(
  endpoint: Endpoint<Sockets>,
  path: Path,
  options: ConnectOptions = {},
): Promise<Refusal> {
  const answer = await knock(endpoint, path, options);
  if (!(answer instanceof TestSocket)) return answer;
  await answer.close();
  throw failure(`Expected connecting to ${path} to be refused; it was let in, with assigns ${brief(answer.assigns)}.`);
}

async function knock(
  endpoint: Endpoint,
  path: string,
  options: ConnectOptions,
): Promise<TestSocket<AnyMount> | Refusal> {
  const local = endpoint["~local"];
  const found = local.find(path, "path");
  if (found === null) {
    const paths = local.rooms.map(({ mount }) => mount.path).join(", ");
    throw new TypeError(`Expected the path of a socket of this endpoint (${paths}), got ${JSON.stringify(path)}.`);
  }
  const socket = new TestSocket<AnyMount>(endpoint, {
    vsn: options.vsn ?? "2.0.0",
    withinMs: options.withinMs ?? 1_000,
  });
  const answer = await local.knock(requestFor(path, options, found.room.mount.from), socket["~peer"]);
  if (answer === null) throw new TypeError(`Expected ${path} to have a transport; it has none.`);
  if (!answer.ok) {
    const { status, body = "", headers = {} } = answer.response;
    return { code: answer.code, status, body, headers };
  }
  socket["~opened"](answer.local);
  return socket;
}

type Places = LocalTransport["rooms"][number]["mount"]["from"];

function requestFor(path: string, options: ConnectOptions, places: Places): ReturnType<typeof makeRequest> {
  const { token, origin, subprotocols = [], headers = {}, peer } = options;
  const place = token === undefined ? null : (places[0] ?? null);
  const offered = [...subprotocols];
  if (token !== undefined && place === "subprotocol")
    offered.push("phoenix", `base64url.bearer.phx.${Buffer.from(token).toString("base64").replace(/=+$/, "")}`);
  const params = { vsn: options.vsn ?? "2.0.0", ...options.params, ...(place === "params" ? { token } : {}) };
  return makeRequest({
    url: `${path}?${toQuery(params)}`,
    headers: {
      ...(origin === undefined ? {} : { origin }),
      ...(offered.length === 0 ? {} : { "sec-websocket-protocol": offered.join(", ") }),
      ...(place === "header" ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    ...(peer === undefined ? {} : { peer }),
  });
}
