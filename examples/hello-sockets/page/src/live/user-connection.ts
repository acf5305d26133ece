import type { Socket } from "phoenix";
import type { Person } from "../../../shared/api.ts";
import { createStore } from "../store.ts";
import { type Happening, withHappening } from "./happening.ts";
import { record } from "./log.ts";
import { closeSocket, letFallBack, openSocket } from "./open-socket.ts";
import { transports } from "./transport.ts";
import { askWhy, type Explanation, wouldBeLetIn } from "./why.ts";

/** The authenticated socket of this page, from the first attempt to the day it is thrown out. */
export interface UserConnection {
  readonly status: "none" | "connecting" | "open" | "lost" | "out";
  readonly person: Person | null;
  readonly socket: Socket | null;
  /** Kept after a sign-out everywhere, to show that it is worthless. */
  readonly token: string | null;
  readonly happenings: readonly Happening[];
  /** Why the server refuses the old token, once it has. */
  readonly why: Explanation | null;
}

const none: UserConnection = { status: "none", person: null, socket: null, token: null, happenings: [], why: null };

export const userConnection = createStore<UserConnection>(none);

/** After so many attempts in a row that failed, the page finds out why. */
const attemptsBeforeAsking = 3;

/** `onOut` is called once, when the server has refused the token for good. */
export function connectUser(person: Person, token: string, onOut: () => void): void {
  forgetUser();
  const socket = openSocket("/auth_socket", token);
  userConnection.set({ ...none, status: "connecting", person, socket, token });

  let open = false;
  let failed = 0;
  const isCurrent = () => userConnection.get().socket === socket;

  socket.onOpen(() => {
    if (!isCurrent()) return;
    open = true;
    failed = 0;
    patch({ status: "open" });
    const how = transports.get()["/auth_socket"] === "long-poll" ? ", over long-poll" : "";
    note(`Connected with a signed token${how}.`, "pass");
  });

  // The server's last words. `portcullis/client` does as they say; the phoenix client doesn't know them.
  let farewell = "";
  socket.onMessage(({ topic, event, payload }) => {
    if (topic === "phoenix" && event === "phx_closing") farewell = `, ${(payload as { reason: string }).reason}`;
  });

  // The client reconnects by itself, with the token it holds; this only watches.
  socket.onClose(({ code }) => {
    if (!isCurrent()) return;
    if (open) {
      open = false;
      patch({ status: "lost" });
      note(`The server closed the connection (${code}${farewell}). The client tries again by itself.`, "plain");
      farewell = "";
      return;
    }
    failed += 1;
    note(`Attempt ${failed} with the same token: failed (${code}).`, "refuse");
    if (failed % attemptsBeforeAsking === 0) void findOutWhy();
  });

  async function findOutWhy(): Promise<void> {
    // To the browser a server that is down and a token that is void look the same, so ask the server.
    const why = await askWhy("/auth_socket", token);
    if (!isCurrent() || open || why === null) return;
    // Something between here and there has begun to stop WebSockets.
    if (wouldBeLetIn(why)) {
      note(
        "The page asked why: the server would let it in. So WebSockets are blocked now, and long-poll is next.",
        "plain",
      );
      return letFallBack(socket);
    }
    if (why.retry !== "reauth" && why.retry !== "never") return;
    closeSocket(socket);
    record("/auth_socket", "connection", "the page stops trying: the token is refused");
    note("The page asked why, and stops trying.", "plain");
    patch({ status: "out", why });
    onOut();
  }

  socket.connect();
}

/** Closes the connection, if there is one, and forgets the token. */
export function forgetUser(): void {
  const { socket } = userConnection.get();
  userConnection.set(none);
  if (socket) closeSocket(socket);
}

function patch(change: Partial<UserConnection>): void {
  userConnection.set((current) => ({ ...current, ...change }));
}

function note(text: string, tone: Happening["tone"]): void {
  userConnection.set((current) => ({
    ...current,
    happenings: withHappening(current.happenings, text, tone),
  }));
}
