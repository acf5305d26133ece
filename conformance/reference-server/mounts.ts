// Where the sockets are, with which channels and options: the table of the recorded application.
import type { MountOptions } from "portcullis";
import { benchChannel, echoChannel, infoChannel, pingChannel, userChannel } from "./channels.ts";
import { fetchingPresenceChannel, presenceChannel } from "./presence.ts";
import {
  authSocket,
  infoSocket,
  mainSocket,
  openSocket,
  type ReferenceSocket,
  subprotocolSocket,
  tokenSocket,
} from "./sockets.ts";

const mainChannels = [
  pingChannel(mainSocket, "ping*"),
  benchChannel(mainSocket),
  echoChannel(mainSocket, "echo:*"),
  echoChannel(mainSocket, "trap:*"),
  echoChannel(mainSocket, "trapignore:*"),
  echoChannel(mainSocket, "exact", { preset: "yes" }),
  presenceChannel(mainSocket),
  fetchingPresenceChannel(mainSocket),
  pingChannel(mainSocket, "log:*"),
];

const smallChannels = (socket: ReferenceSocket) => [
  pingChannel(socket, "ping*"),
  echoChannel(socket, "echo:*"),
  presenceChannel(socket),
  pingChannel(socket, "log:*"),
];

const tokenChannels = [echoChannel(tokenSocket, "echo:*"), infoChannel(tokenSocket)];

const main = { socket: mainSocket, channels: mainChannels, longpoll: true } satisfies MountOptions;
const webSocketOnly = { ...main, longpoll: false } satisfies MountOptions;
const open = { socket: openSocket, channels: smallChannels(openSocket) } satisfies MountOptions;
const several = {
  socket: openSocket,
  channels: [pingChannel(openSocket, "ping*"), echoChannel(openSocket, "echo:*")],
} satisfies MountOptions;

const refusals: Readonly<Record<string, { readonly status: number; readonly body: string }>> = {
  rate_limit: { status: 429, body: "Too many requests" },
  unauthorized: { status: 401, body: "unauthorized" },
};

/** The long-poll window of the mounts that are not to be waited for. */
const shortWindowMs = 300;

/** Every mount by its path. */
export const mounts = {
  "/socket": main,
  "/auth_socket": {
    socket: authSocket,
    channels: [userChannel(authSocket), echoChannel(authSocket, "echo:*"), pingChannel(authSocket, "ping*")],
    longpoll: true,
  },
  "/token_socket": { socket: tokenSocket, channels: tokenChannels, longpoll: true },
  "/token_subproto": { socket: tokenSocket, channels: tokenChannels, subprotocols: ["chat"] },
  "/short": {
    ...open,
    websocket: { idleTimeoutMs: 1500, frameBytesMax: 4096 },
    longpoll: { windowMs: shortWindowMs, tokenMaxAgeSeconds: 2 },
  },
  "/origin": {
    ...open,
    origins: ["https://example.com", "//other.com", "//*.wild.com", "https://port.com:8443"],
    longpoll: { origins: ["https://example.com"], windowMs: shortWindowMs },
  },
  "/origin_conn": { ...open, origins: "conn" },
  "/origin_mfa": { ...open, origins: ({ host }) => host?.endsWith(".mfa.test") ?? false },
  "/origin_false": { ...open, origins: false, longpoll: true },
  "/subproto": {
    socket: subprotocolSocket,
    channels: smallChannels(subprotocolSocket),
    subprotocols: ["sip", "chat"],
  },
  "/info/:tenant": {
    socket: infoSocket,
    channels: [infoChannel(infoSocket), echoChannel(infoSocket, "echo:*")],
    websocket: { path: "/ws/:sub" },
    longpoll: { path: "/lp" },
    refusal: ({ reason }) => refusals[reason] ?? { status: 403, body: "forbidden" },
  },
  "/compress": { ...webSocketOnly, websocket: { deflate: true } },
  "/wsonly": webSocketOnly,
  "/lponly": { ...main, websocket: false },
  "/v2only": { ...webSocketOnly, serializers: ["v2"] },
  "/nodrain": { ...open, drain: false },
  "/noutf8": open,
  "/limit3": { ...main, channelsMax: 3, longpoll: { windowMs: shortWindowMs } },
  "/m_a": {
    ...several,
    origins: ["https://a.example"],
    longpoll: { origins: ["https://lp.example"], windowMs: shortWindowMs },
  },
  "/m_b": { ...several, origins: ["https://b.example"] },
  "/m_open": { ...several, origins: false },
  "/m_default": { ...several, longpoll: { windowMs: shortWindowMs } },
} satisfies Readonly<Record<string, MountOptions>>;
