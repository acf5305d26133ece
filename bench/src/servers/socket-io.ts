/** Socket.IO as its guide has it, without the HTTP polling it would begin with: token checked in a middleware, rooms, acknowledgements. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createTokens } from "portcullis/token";
import { Server } from "socket.io";
import {
  benchSecretKeyBase,
  echoEvent,
  messageEvent,
  roomTopic,
  sayEvent,
  tokenMaxAgeSeconds,
  tokenSalt,
} from "../scenario.ts";
import type { ServerUnderTest } from "./server.ts";

export async function startSocketIo(): Promise<ServerUnderTest> {
  const tokens = createTokens({ secretKeyBase: benchSecretKeyBase });
  const server = createServer();
  const io = new Server(server, { transports: ["websocket"] });

  io.use((socket, next) => {
    const claim = tokens.verify(tokenSalt, socket.handshake.auth["token"], { maxAgeSeconds: tokenMaxAgeSeconds });
    if (!claim.ok) {
      next(new Error(claim.reason));
      return;
    }
    socket.data.userId = String(claim.data);
    next();
  });

  io.on("connection", (socket) => {
    socket.on("join", (room: string, acknowledge: (reply: unknown) => void) => {
      socket.join(room);
      acknowledge({ userId: socket.data.userId });
    });
    socket.on(sayEvent, (room: string, payload: unknown) => io.to(room).emit(messageEvent, payload));
    socket.on(echoEvent, (payload: unknown, acknowledge: (reply: unknown) => void) => acknowledge(payload));
  });

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    publish(payload) {
      io.to(roomTopic).emit(messageEvent, payload);
    },
    async close() {
      await io.close();
    },
  };
}
