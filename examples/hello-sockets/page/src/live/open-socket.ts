import { Serializer, Socket } from "phoenix";
import { record, type SocketPath } from "./log.ts";

/** The official client, with every frame written to the log on its way. */
export function openSocket(path: SocketPath, authToken?: string): Socket {
  const describe = (frame: string | ArrayBuffer) =>
    typeof frame === "string" ? frame : `${frame.byteLength} bytes, binary`;
  let open = false;
  const opened = () => {
    if (!open) record(path, "connection", "open");
    open = true;
  };
  const socket = new Socket(path, {
    // The token travels as a subprotocol, so it is in no frame and in no URL. Hence none in the log.
    ...(authToken !== undefined && { authToken }),
    timeout: 5_000,
    encode: (message, done) =>
      Serializer.encode(message, (frame) => {
        // What waited for the connection is sent before anybody is told that it is open.
        opened();
        record(path, "sent", describe(frame));
        done(frame);
      }),
    decode: (frame, done) => {
      record(path, "received", describe(frame));
      Serializer.decode(frame, done);
    },
  });
  socket.onOpen(opened);
  socket.onClose(({ code, reason }) => {
    open = false;
    record(path, "connection", `closed ${code}${reason ? ` ${reason}` : ""}`);
  });
  record(
    path,
    "connection",
    authToken === undefined ? "connecting" : "connecting, subprotocol phoenix, base64url.bearer.phx.••••••••",
  );
  return socket;
}
