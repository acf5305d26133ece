// Makes what a case acts with, and takes it down afterwards.
import { randomBytes } from "node:crypto";
import { send } from "../replay/http.ts";
import type { Cell, Refusal, RequestOptions, Stage, Transport } from "./case.ts";
import { Client, Unreachable } from "./client.ts";
import { openLongPoll } from "./longpoll.ts";
import { versionOf } from "./message.ts";
import { openWebSocket } from "./websocket.ts";
import type { ConnectOptions, Open, Target } from "./wire.ts";

type Column = Pick<Cell, "transport" | "vsn">;

const open: Readonly<Record<Transport, Open>> = { websocket: openWebSocket, longpoll: openLongPoll };

/** Runs `act` on a stage of its own. What it connected is gone when this resolves. */
export async function withStage<Result>(
  cell: Cell,
  patienceMs: number,
  act: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const clients: Client[] = [];
  const base = new URL(cell.world.url);

  const unique = (): string => randomBytes(6).toString("hex");

  async function attemptAs(column: Column, options: ConnectOptions = {}): Promise<Client | Refusal> {
    const { transport, vsn } = column;
    const client = new Client(open[transport], target(base, column, options), { vsn, patienceMs });
    clients.push(client);
    const answer = await client.opened();
    return answer.type === "open" ? client : { status: answer.status, body: answer.body };
  }

  async function connectAs(column: Column, options?: ConnectOptions): Promise<Client> {
    const outcome = await attemptAs(column, options);
    if (outcome instanceof Client) return outcome;
    throw new Error(`Expected to be let in, got ${outcome.status} ${outcome.body}`);
  }

  async function request(method: string, path: string, options: RequestOptions = {}) {
    try {
      return await send(base, { method, path, ...options });
    } catch (error) {
      throw new Unreachable(`${base.host}: ${(error as Error).message}`);
    }
  }

  try {
    return await act({
      ...cell,
      strict: cell.world.strict ?? false,
      unique,
      topic: (prefix = "echo") => `${prefix}:${unique()}`,
      connect: (options) => connectAs(cell, options),
      connectAs,
      attempt: (options) => attemptAs(cell, options),
      async refusal(options) {
        const outcome = await attemptAs(cell, options);
        if (outcome instanceof Client) throw new Error("Expected to be refused, was let in");
        return outcome;
      },
      request,
      async json(method, path, options) {
        const { status, body } = await request(method, path, options);
        if (status !== 200) throw new Error(`Expected 200 to ${method} ${path}, got ${status} ${body}`);
        return JSON.parse(body) as Readonly<Record<string, unknown>>;
      },
    });
  } finally {
    for (const client of clients) client.kill();
  }
}

function target(base: URL, { transport, vsn }: Column, options: ConnectOptions): Target {
  const { mount = "/socket", paths = { websocket: "/websocket", longpoll: "/longpoll" }, params = {} } = options;
  const { version = versionOf(vsn), headers = {}, protocols = [], authToken } = options;
  const query = new URLSearchParams({ ...(version === null ? {} : { vsn: version }), ...params });
  const path = `${mount}${paths[transport]}?${query}`;
  if (authToken === undefined) return { base, path, headers, protocols };
  if (transport === "longpoll")
    return { base, path, protocols, headers: { ...headers, "x-phoenix-authtoken": authToken } };
  const bearer = `base64url.bearer.phx.${Buffer.from(authToken).toString("base64").replaceAll("=", "")}`;
  return { base, path, headers, protocols: [...protocols, "phoenix", bearer] };
}
