// A case, what it is given, and the cells of the table it is run in.
import type { PlainResponse } from "../replay/http.ts";
import type { Client } from "./client.ts";
import type { Vsn } from "./message.ts";
import type { ConnectOptions } from "./wire.ts";

export const transports = ["websocket", "longpoll"] as const;
export type Transport = (typeof transports)[number];
export const vsns = [1, 2] as const;

/** A server that serves the reference application. */
export interface World {
  readonly name: string;
  /** `http://host:port` */
  readonly url: string;
  /** Expects what Phoenix does, also where Portcullis differs on purpose. Default: either is right. */
  readonly strict?: boolean;
  /** There are several nodes behind the URL, and what one knows the others learn a little later. Default: one. */
  readonly isCluster?: boolean;
}

/** One column of the table. */
export interface Cell {
  readonly world: World;
  readonly transport: Transport;
  readonly vsn: Vsn;
}

/** What a case acts with: one cell's transport and version. */
export interface Stage extends Cell {
  readonly strict: boolean;
  /** A topic of its own, `echo:…` unless another prefix is given: cases run at once, on one server. */
  topic(prefix?: string): string;
  /** Text that no other case uses. */
  unique(): string;
  /** Connects, and fails when refused. */
  connect(options?: ConnectOptions): Promise<Client>;
  /** Connects over another column's transport and version. */
  connectAs(column: Pick<Cell, "transport" | "vsn">, options?: ConnectOptions): Promise<Client>;
  /** Connects, or is refused: either is an answer. */
  attempt(options?: ConnectOptions): Promise<Client | Refusal>;
  /** Connects and expects to be refused. */
  refusal(options?: ConnectOptions): Promise<Refusal>;
  /** One request beside the sockets. */
  request(method: string, path: string, options?: RequestOptions): Promise<PlainResponse>;
  /** The same; the body is JSON. */
  json(method: string, path: string, options?: RequestOptions): Promise<Readonly<Record<string, unknown>>>;
}

/** On long-poll the status is the one in the JSON. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Case {
  /** Named once in the whole table; what `--only` takes. */
  readonly id: string;
  /** What has to hold, as a sentence. */
  readonly says: string;
  /** Where it can't be held, by column, and why. */
  readonly leftOut?: (cell: Cell) => string | false;
  run(stage: Stage): Promise<void>;
}

export const webSocketOnly = ({ transport }: Cell): string | false =>
  transport === "longpoll" && "there is no such thing on long-poll";
export const longPollOnly = ({ transport }: Cell): string | false =>
  transport === "websocket" && "there is no such thing on WebSocket";
export const version2Only = ({ vsn }: Cell): string | false => vsn === 1 && "version 1 has no such messages";
