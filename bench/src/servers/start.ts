import type { ServerName } from "./catalogue.ts";
import type { ServerUnderTest } from "./server.ts";

/** Loads one server, and only that one, so that no process carries the code of another. */
export async function startServer(name: ServerName): Promise<ServerUnderTest> {
  switch (name) {
    case "portcullis":
      return (await import("./portcullis.ts")).startPortcullis();
    case "naive-ws":
      return (await import("./naive-ws.ts")).startNaiveWs();
    case "ws-encode-once":
      return (await import("./naive-ws.ts")).startEncodeOnceWs();
    case "socket.io":
      return (await import("./socket-io.ts")).startSocketIo();
  }
}
