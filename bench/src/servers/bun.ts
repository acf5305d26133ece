/** `Bun.serve` with its native WebSockets and publish; what it answers is what the naive server answers. Runs under Bun only. */
import { createTokens } from "portcullis/token";
import { benchSecretKeyBase, type Payload, roomTopic, tokenMaxAgeSeconds, tokenSalt } from "../scenario.ts";
import { answer, type NativeSocket } from "./native-rooms.ts";
import type { ServerUnderTest } from "./server.ts";

/** As much of its types as is used; they would take the place of Node's everywhere else. */
interface BunSocket extends NativeSocket {
  readonly data: { readonly userId: string };
}

interface BunServer {
  readonly port: number;
  upgrade(request: Request, options: { readonly data: object }): boolean;
  publish(topic: string, text: string): number;
  stop(closeAll: boolean): Promise<void>;
}

interface BunRuntime {
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    fetch(request: Request, server: BunServer): Response | undefined;
    readonly websocket: { message(socket: BunSocket, data: string): void };
  }): BunServer;
}

export async function startBun(): Promise<ServerUnderTest> {
  const { Bun: bun } = globalThis as { Bun?: BunRuntime };
  if (bun === undefined) {
    throw new Error("Expected to run under Bun; the runner starts this server with its binary.");
  }
  const tokens = createTokens({ secretKeyBase: benchSecretKeyBase });
  const publish = (room: string, payload: Payload): void => {
    server.publish(room, JSON.stringify({ type: "message", room, payload }));
  };
  const server = bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, upgrading) {
      const token = new URL(request.url).searchParams.get("token");
      const claim = tokens.verify(tokenSalt, token, { maxAgeSeconds: tokenMaxAgeSeconds });
      if (!claim.ok) {
        return new Response(null, { status: 403 });
      }
      const upgraded = upgrading.upgrade(request, { data: { userId: String(claim.data) } });
      return upgraded ? undefined : new Response(null, { status: 400 });
    },
    websocket: {
      message(socket, data) {
        answer(socket, socket.data.userId, data, publish);
      },
    },
  });
  return {
    port: server.port,
    publish: (payload) => publish(roomTopic, payload),
    close: () => server.stop(true),
  };
}
