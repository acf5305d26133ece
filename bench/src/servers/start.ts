import type { ServerName } from "./catalogue.ts";
import type { ServerUnderTest } from "./server.ts";

/** Loads one server, and only that one, so that no process carries the code of another. */
export async function startServer(name: ServerName): Promise<ServerUnderTest> {
  switch (name) {
    case "portcullis":
    case "portcullis-node-26":
      return (await import("./portcullis.ts")).startPortcullis();
    case "portcullis-workers":
      return (await import("./portcullis-workers.ts")).startPortcullisWorkers();
    case "naive-ws":
      return (await import("./naive-ws.ts")).startNaiveWs();
    case "ws-encode-once":
      return (await import("./naive-ws.ts")).startEncodeOnceWs();
    case "socket.io":
      return (await import("./socket-io.ts")).startSocketIo();
    case "uws":
      return (await import("./uws.ts")).startUws();
    case "bun":
      return (await import("./bun.ts")).startBun();
    case "ws-handshake":
    case "ws-echo":
      return (await import("./bare-ws.ts")).startBareWs();
    case "phoenix":
      throw new Error("Phoenix is started by whoever wants it measured; `--phoenix-url` says where it is.");
  }
}
