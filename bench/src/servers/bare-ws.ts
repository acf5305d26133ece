/**
 * What `ws` alone costs: every upgrade is let in and nobody is checked, no rooms, no bounds. It reads the frames Portcullis
 * reads and writes the replies Portcullis writes, so what Portcullis needs more is what it does more.
 */
import type { AddressInfo } from "node:net";
import { type RawData, WebSocketServer } from "ws";
import type { ServerUnderTest } from "./server.ts";

export async function startBareWs(): Promise<ServerUnderTest> {
  const webSockets = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: (offered) => (offered.has("phoenix") ? "phoenix" : false),
  });
  webSockets.on("connection", (webSocket) => {
    webSocket.on("message", (data: RawData) => {
      const [joinRef, ref, topic, , payload] = JSON.parse(data.toString());
      webSocket.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "ok", response: payload }]));
    });
    webSocket.on("error", () => webSocket.terminate());
  });
  await new Promise((resolve) => webSockets.once("listening", resolve));
  return {
    port: (webSockets.address() as AddressInfo).port,
    publish() {
      throw new Error("The bare server has no rooms: the catalogue keeps it out of broadcasts.");
    },
    async close() {
      for (const webSocket of webSockets.clients) {
        webSocket.terminate();
      }
      await new Promise((resolve) => webSockets.close(resolve));
    },
  };
}
