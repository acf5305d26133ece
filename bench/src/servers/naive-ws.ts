/** The server people write by hand on `ws`: sound, checked at the upgrade, and stringifying for every recipient. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createTokens } from "portcullis/token";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { benchSecretKeyBase, type Payload, roomTopic, tokenMaxAgeSeconds, tokenSalt } from "../scenario.ts";
import type { ServerUnderTest } from "./server.ts";

type Send = (members: ReadonlySet<WebSocket>, room: string, payload: Payload) => void;

/** Stringify and send for each recipient. */
export function startNaiveWs(): Promise<ServerUnderTest> {
  return startWs((members, room, payload) => {
    for (const member of members) {
      if (member.readyState === WebSocket.OPEN) {
        member.send(JSON.stringify({ type: "message", room, payload }));
      }
    }
  });
}

/** The same server, stringifying once per message. */
export function startEncodeOnceWs(): Promise<ServerUnderTest> {
  return startWs((members, room, payload) => {
    const text = JSON.stringify({ type: "message", room, payload });
    for (const member of members) {
      if (member.readyState === WebSocket.OPEN) {
        member.send(text);
      }
    }
  });
}

async function startWs(sendToAll: Send): Promise<ServerUnderTest> {
  const tokens = createTokens({ secretKeyBase: benchSecretKeyBase });
  const rooms = new Map<string, Set<WebSocket>>();
  const webSockets = new WebSocketServer({ noServer: true });
  const server = createServer((_request, response) => response.writeHead(404).end());

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const claim = tokens.verify(tokenSalt, url.searchParams.get("token"), { maxAgeSeconds: tokenMaxAgeSeconds });
    if (!claim.ok) {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => welcome(webSocket, String(claim.data)));
  });

  function welcome(webSocket: WebSocket, userId: string): void {
    const joined = new Set<string>();
    webSocket.on("message", (data: RawData) => {
      const message = JSON.parse(data.toString());
      if (message.type === "join") {
        let members = rooms.get(message.room);
        if (members === undefined) {
          members = new Set();
          rooms.set(message.room, members);
        }
        members.add(webSocket);
        joined.add(message.room);
        webSocket.send(JSON.stringify({ type: "joined", id: message.id, room: message.room, userId }));
      } else if (message.type === "echo" && joined.has(message.room)) {
        webSocket.send(JSON.stringify({ type: "reply", id: message.id, room: message.room, payload: message.payload }));
      } else if (message.type === "say" && joined.has(message.room)) {
        sendToAll(rooms.get(message.room) ?? new Set(), message.room, message.payload);
      }
    });
    webSocket.on("close", () => {
      for (const room of joined) {
        const members = rooms.get(room);
        members?.delete(webSocket);
        if (members?.size === 0) {
          rooms.delete(room);
        }
      }
    });
    webSocket.on("error", () => webSocket.terminate());
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    publish(payload) {
      const members = rooms.get(roomTopic);
      if (members !== undefined) {
        sendToAll(members, roomTopic, payload);
      }
    },
    async close() {
      for (const webSocket of webSockets.clients) {
        webSocket.terminate();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
