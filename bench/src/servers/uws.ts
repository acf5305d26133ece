/** uWebSockets.js with its native publish; what it answers is what the naive server answers. */
import { createRequire } from "node:module";
import { createTokens } from "portcullis/token";
import { benchSecretKeyBase, type Payload, roomTopic, tokenMaxAgeSeconds, tokenSalt } from "../scenario.ts";
import { answer, type NativeSocket } from "./native-rooms.ts";
import { peersFolder, uwsBinary } from "./peers.ts";
import type { ServerUnderTest } from "./server.ts";

/** As much of its types as is used; the package is not there when this is compiled. */
interface UwsSocket extends NativeSocket {
  getUserData(): { readonly userId: string };
}

interface UwsRequest {
  getQuery(key: string): string | undefined;
  getHeader(name: string): string;
}

interface UwsResponse {
  writeStatus(status: string): UwsResponse;
  end(): void;
  upgrade(data: object, key: string, protocol: string, extensions: string, context: unknown): void;
}

interface UwsApp {
  ws(pattern: string, behaviour: object): UwsApp;
  listen(host: string, port: number, listening: (socket: unknown) => void): UwsApp;
  publish(topic: string, text: string): boolean;
}

interface Uws {
  App(): UwsApp;
  us_socket_local_port(socket: unknown): number;
  us_listen_socket_close(socket: unknown): void;
}

const utf8 = new TextDecoder();

export async function startUws(): Promise<ServerUnderTest> {
  // The binary itself: the package's own entry falls back to a server in JavaScript where there is none.
  const uws = createRequire(`${peersFolder}/package.json`)(uwsBinary()) as Uws;
  const tokens = createTokens({ secretKeyBase: benchSecretKeyBase });
  const app = uws.App();
  const publish = (room: string, payload: Payload): void => {
    app.publish(room, JSON.stringify({ type: "message", room, payload }));
  };
  app.ws("/*", {
    upgrade(response: UwsResponse, request: UwsRequest, context: unknown) {
      const token = decodeURIComponent(request.getQuery("token") ?? "");
      const claim = tokens.verify(tokenSalt, token, { maxAgeSeconds: tokenMaxAgeSeconds });
      if (!claim.ok) {
        response.writeStatus("403 Forbidden").end();
        return;
      }
      response.upgrade(
        { userId: String(claim.data) },
        request.getHeader("sec-websocket-key"),
        request.getHeader("sec-websocket-protocol"),
        request.getHeader("sec-websocket-extensions"),
        context,
      );
    },
    message(socket: UwsSocket, data: ArrayBuffer) {
      answer(socket, socket.getUserData().userId, utf8.decode(data), publish);
    },
  });
  const listening = await new Promise((resolve) => app.listen("127.0.0.1", 0, resolve));
  return {
    port: uws.us_socket_local_port(listening),
    publish: (payload) => publish(roomTopic, payload),
    async close() {
      uws.us_listen_socket_close(listening);
    },
  };
}
