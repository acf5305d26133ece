import { LongPoll, Serializer, Socket } from "phoenix";
import { record, type SocketPath } from "./log.ts";
import { setTransport, type Transport, webSocketClass, webSocketsBlocked } from "./transport.ts";

/** How long a WebSocket may take to open, and then to answer, before the client goes over to long-poll. */
const fallbackMs = 3_000;

/** The sockets in use, with what has them connect anew. */
const inUse = new Map<Socket, () => void>();
webSocketsBlocked.watch(() => {
  for (const reconnect of inUse.values()) reconnect();
});

/** The official client, with every message written to the log on its way. */
export function openSocket(path: SocketPath, authToken?: string): Socket {
  const describe = (frame: string | ArrayBuffer) =>
    typeof frame === "string" ? frame : `${frame.byteLength} bytes, binary`;
  let carrier: Transport | undefined;
  const opened = () => {
    if (carrier) return;
    carrier = socket.conn instanceof LongPoll ? "long-poll" : "WebSocket";
    setTransport(path, carrier);
    record(path, "connection", carrier === "WebSocket" ? "open" : "open, over long-poll");
  };
  const closed = () => {
    carrier = undefined;
    setTransport(path, undefined);
  };
  const socket = new Socket(path, {
    // The token travels as a subprotocol, over long-poll as a header, so it is in no frame and in no URL. Hence none in
    // the log.
    ...(authToken !== undefined && { authToken }),
    timeout: 5_000,
    transport: webSocketClass(),
    longPollFallbackMs: fallbackMs,
    logger(kind, message, reason) {
      if (kind !== "transport" || !message.startsWith("falling back")) return;
      const why = reason === "memorized" ? "no WebSocket got through in this tab before" : "no WebSocket gets through";
      const token = authToken === undefined ? "" : ", X-Phoenix-AuthToken: ••••••••";
      record(path, "connection", `${why}: the client goes over to long-poll${token}`);
    },
    encode: (message, done) =>
      Serializer.encode(message, (frame) => {
        // What waited for the connection is sent before anybody is told that it is open.
        opened();
        record(path, carrier === "long-poll" ? "posted" : "sent", describe(frame));
        done(frame);
      }),
    decode: (frame, done) => {
      record(path, carrier === "long-poll" ? "polled" : "received", describe(frame));
      // Left alone the client takes the next break for a block, and stays with long-poll for good. What has carried a
      // message isn't blocked: the client waits for it.
      if (carrier === "WebSocket") socket.longPollFallbackMs = undefined;
      Serializer.decode(frame, done);
    },
  });
  socket.onOpen(opened);
  socket.onClose(({ code, reason }) => {
    closed();
    record(path, "connection", `closed ${code}${reason ? ` ${reason}` : ""}`);
  });
  inUse.set(socket, () => {
    closed();
    record(path, "connection", "connecting anew");
    letFallBack(socket);
    socket.replaceTransport(webSocketClass());
    socket.connect();
  });
  record(
    path,
    "connection",
    authToken === undefined ? "connecting" : "connecting, subprotocol phoenix, base64url.bearer.phx.••••••••",
  );
  return socket;
}

/** Lets the next attempt go over to long-poll, whatever worked before. */
export function letFallBack(socket: Socket): void {
  socket.longPollFallbackMs = fallbackMs;
}

export function closeSocket(socket: Socket): void {
  inUse.delete(socket);
  socket.disconnect();
}
