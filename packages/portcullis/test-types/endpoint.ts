// Only types cross to the browser: what an endpoint tells a client.
import { defineEndpoint, type SocketsOf } from "portcullis";
import { userChannel } from "./channel.ts";
import { assertType, type Equal } from "./equal.ts";
import { openSocket, userSocket } from "./socket.ts";

const ping = openSocket.channel("ping").on({ ping: () => ({ ping: "pong" }) });

export const endpoint = defineEndpoint({
  secretKeyBase: "x".repeat(64),
  url: { host: "example.com" },
  sockets: {
    "/socket": { socket: userSocket, channels: [userChannel], origins: ["https://example.com"], from: ["params"] },
    "/open": { socket: openSocket, channels: [ping], websocket: { idleTimeoutMs: 1_000 } },
  },
});

export type App = SocketsOf<typeof endpoint>;
assertType<Equal<keyof App, "/socket" | "/open">>();

type UserChannelTypes = NonNullable<App["/socket"]["channels"][0]["~types"]>;
assertType<Equal<UserChannelTypes["pattern"], "user:{id}">>();
type Handlers = UserChannelTypes["shape"]["handlers"];
type RenameReply = Handlers extends { rename: (...args: never[]) => infer Reply } ? Reply : never;
assertType<Equal<RenameReply, { ok: boolean; replaced: number }>>();

const { tokens } = endpoint;
const token: string = tokens.sign("user socket", "42");
const claim = tokens.verify("user socket", token, { maxAgeSeconds: 60 });
if (claim.ok) {
  const at: number = claim.signedAt + claim.expiresAt;
  void at;
} else {
  // @ts-expect-error a refused token has no data
  claim.data;
}

endpoint.broadcast("room:1", "message", { text: "hi" });
// @ts-expect-error a payload is an object or bytes
endpoint.broadcast("room:1", "message", "hi");

// @ts-expect-error no such mount option
defineEndpoint({ secretKeyBase: "x", sockets: { "/s": { socket: openSocket, channels: [], orgins: true } } });
// @ts-expect-error secretKeyBase is needed
defineEndpoint({ sockets: {} });
// @ts-expect-error channels are definitions
defineEndpoint({ secretKeyBase: "x", sockets: { "/s": { socket: openSocket, channels: ["ping"] } } });
