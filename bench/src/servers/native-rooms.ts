/** What servers with rooms of their own answer: the same as the naive server, which has to keep its rooms itself. */
import type { Payload } from "../scenario.ts";

/** A connection that knows which rooms it is in. */
export interface NativeSocket {
  send(text: string): unknown;
  subscribe(room: string): unknown;
  isSubscribed(room: string): boolean;
}

/** Handles one message; `publish` tells a room. */
export function answer(
  socket: NativeSocket,
  userId: string,
  text: string,
  publish: (room: string, payload: Payload) => void,
): void {
  const { type, id, room, payload } = JSON.parse(text);
  if (type === "join") {
    socket.subscribe(room);
    socket.send(JSON.stringify({ type: "joined", id, room, userId }));
  } else if (type === "echo" && socket.isSubscribed(room)) {
    socket.send(JSON.stringify({ type: "reply", id, room, payload }));
  } else if (type === "say" && socket.isSubscribed(room)) {
    publish(room, payload);
  }
}
