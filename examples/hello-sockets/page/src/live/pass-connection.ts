import type { SocketsOf } from "portcullis";
import { type ChannelStatus, type Client, type ClientStatus, createClient } from "portcullis/client";
import type { Endpoint } from "../../../server/endpoint.ts";
import type { PassAnswer } from "../../../shared/api.ts";
import { api, Refused } from "../api.ts";
import { createStore } from "../store.ts";
import { type Happening, withHappening } from "./happening.ts";
import { webSocketsBlocked } from "./transport.ts";
import { type Watched, watchedWebSocket } from "./watched-socket.ts";

/** The server's own types, with nothing of the server in the page: topics, events and payloads are checked by them. */
type PassSocket = SocketsOf<Endpoint>["/pass_socket"];

export const chamberNames = ["hall", "treasury"] as const;
export type ChamberName = (typeof chamberNames)[number];

export interface Chamber {
  readonly status: ChannelStatus;
  readonly chimes: number;
  /** Epoch milliseconds of the last chime. */
  readonly heardAt: number | null;
}

/** The connection with the short-lived token, through `portcullis/client`. */
export interface PassConnection {
  readonly client: Client<PassSocket> | null;
  readonly status: ClientStatus;
  /** Which pass the server holds: how long it is good for, and until when (epoch ms). */
  readonly lifeMs: number;
  readonly expiresAt: number;
  /** WebSockets that opened, one after the other; since when the present one is open; passes handed over on it. */
  readonly connections: number;
  readonly openedAt: Date | null;
  readonly renewals: number;
  readonly chambers: Readonly<Record<ChamberName, Chamber>>;
  /** What the server has been told, which it finds out about at the next refresh. */
  readonly mayEnterTreasury: boolean;
  readonly happenings: readonly Happening[];
}

const silent: Chamber = { status: { state: "idle", reason: null, reply: null }, chimes: 0, heardAt: null };
const none: PassConnection = {
  client: null,
  status: { state: "idle", reason: null },
  lifeMs: 0,
  expiresAt: 0,
  connections: 0,
  openedAt: null,
  renewals: 0,
  chambers: { hall: silent, treasury: silent },
  mayEnterTreasury: true,
  happenings: [],
};
const happeningsMax = 8;

export const passConnection = createStore<PassConnection>(none);

/** Whether the page goes on with the pass it has, as one that knows no better would. */
export const keepsOldPass = createStore(false);

let enterTreasury: () => Promise<unknown> = async () => {};
let cancelLapse = () => {};

export function connectPass(): void {
  forgetPass();
  let held: (PassAnswer & { readonly lifeMs: number }) | null = null;
  let farewell = "";

  const client = createClient<PassSocket>("/pass_socket", {
    retryBaseMs: 500,
    WebSocket: watchedWebSocket("/pass_socket", (watched) => isCurrent() && tell(watched)),
    // Asked before every connection, and again when the server warns. Null: nobody is signed in, so the client stops.
    async token() {
      if (held && keepsOldPass.get()) return held.token;
      const pass = await api.pass().catch((error: unknown) => {
        if (error instanceof Refused && error.status === 401) return null;
        throw error;
      });
      held = pass && { ...pass, lifeMs: pass.expiresAt - Date.now() };
      return held?.token ?? null;
    },
  });
  const isCurrent = () => passConnection.get().client === client;
  passConnection.set({ ...none, client });

  client.onStatus((status) => {
    if (!isCurrent()) return;
    const before = passConnection.get().status;
    patch({ status });
    const words = toWords(before, status);
    if (words) note(words, "refuse");
  });
  for (const name of chamberNames) {
    const channel = client.channel(`chamber:${name}`);
    channel.on("chime", ({ at }) => patchChamber(name, ({ chimes }) => ({ chimes: chimes + 1, heardAt: at })));
    channel.onStatus((status) => isCurrent() && patchChamber(name, () => ({ status })));
    const enter = () => channel.join();
    if (name === "treasury") enterTreasury = enter;
    // Why it didn't work out is in its status.
    enter().catch(() => {});
  }

  function tell(watched: Watched): void {
    if (watched.kind === "opened") {
      patch(({ connections }) => ({ connections: connections + 1, openedAt: new Date(), renewals: 0 }));
      holds(held?.expiresAt ?? 0);
      note(`Connection no. ${passConnection.get().connections} opened with a pass.`, "pass");
    } else if (watched.kind === "closed") {
      note(`Closed with ${watched.code}${farewell && `: ${farewell}`}.`, "refuse");
      farewell = "";
    } else if (watched.event === "phx_expiring") {
      note(`The server warns: the pass lapses in ${(Number(watched.payload["inMs"]) / 1_000).toFixed(1)} s.`);
    } else if (watched.event === "phx_closing") {
      farewell = String(watched.payload["reason"]);
    } else if (watched.event === "phx_reply") {
      const { expiresAt, closed = [] } = (watched.payload["response"] ?? {}) as {
        expiresAt?: number;
        closed?: readonly string[];
      };
      // Heartbeats are answered on this topic too.
      if (expiresAt === undefined) return;
      patch(({ renewals }) => ({ renewals: renewals + 1 }));
      holds(expiresAt);
      note("The page handed over another. The same connection goes on.", "pass");
      if (closed.length > 0) note(`The server asked anew who may be where, and closed ${closed.join(", ")}.`, "refuse");
    }
  }

  /** The server has taken a pass that is good until then. */
  function holds(expiresAt: number): void {
    patch({ expiresAt, lifeMs: held?.lifeMs ?? 0 });
    cancelLapse();
    const timer = setTimeout(() => {
      if (!isCurrent() || client.status.state !== "open") return;
      note("The pass has lapsed. The server says nothing more, and waits a moment for another.", "refuse");
    }, expiresAt - Date.now());
    cancelLapse = () => clearTimeout(timer);
  }
}

/** Ends it, and forgets the pass. */
export function forgetPass(): void {
  const { client } = passConnection.get();
  passConnection.set(none);
  keepsOldPass.set(false);
  cancelLapse();
  client?.signOut();
}

// It knows no way but WebSockets: while the page blocks them there is nothing to show.
webSocketsBlocked.watch((blocked) => blocked && forgetPass());

export function keepOldPass(kept: boolean): void {
  keepsOldPass.set(kept);
  const { client, status } = passConnection.get();
  if (kept || !client) return;
  if (status.state === "refused") client.connect();
  // In the silence after the end another pass still saves the connection.
  else if (isLapsed(passConnection.get(), Date.now())) client.refresh().catch(() => {});
}

/** On an open connection: the server holds a pass that has lapsed. */
export function isLapsed({ status, expiresAt }: PassConnection, now: number): boolean {
  return status.state === "open" && now >= expiresAt;
}

/** How long the pass that the server holds is still good for. */
export function leftOf({ status, expiresAt, lifeMs }: PassConnection, now: number): number {
  return status.state === "open" ? Math.min(Math.max(0, expiresAt - now), lifeMs) : 0;
}

/** Hands over another pass now, as happens by itself before each lapses. */
export async function refreshPass(): Promise<void> {
  await passConnection.get().client?.refresh();
}

/** Takes the right to the treasury away, on the server only. Or gives it back, and goes in again. */
export async function allowTreasury(allowed: boolean): Promise<void> {
  await api.allowTreasury({ allowed });
  patch({ mayEnterTreasury: allowed });
  if (!allowed) return;
  await refreshPass();
  await enterTreasury();
}

function toWords(before: ClientStatus, { state, reason }: ClientStatus): string | null {
  if (state === "refused") return `Refused once more: ${reason}. The client stops asking.`;
  if (state === "closed" && reason === "signed_out")
    return "Nobody is signed in, so there is no other pass. The client stops.";
  // From `open` it was closed, and that has been told.
  if (state !== "waiting" || before.state === "open") return null;
  if (reason === "network") return "No answer. The client tries again by itself.";
  if (reason === "credential_unavailable") return "No pass to be had. The client tries again by itself.";
  return `Came back, and was refused: ${reason}.`;
}

function patch(change: Partial<PassConnection> | ((current: PassConnection) => Partial<PassConnection>)): void {
  passConnection.set((current) => ({ ...current, ...(typeof change === "function" ? change(current) : change) }));
}

function patchChamber(name: ChamberName, change: (chamber: Chamber) => Partial<Chamber>): void {
  patch(({ chambers }) => ({ chambers: { ...chambers, [name]: { ...chambers[name], ...change(chambers[name]) } } }));
}

function note(text: string, tone: Happening["tone"] = "plain"): void {
  patch(({ happenings }) => ({ happenings: withHappening(happenings, text, tone, happeningsMax) }));
}
