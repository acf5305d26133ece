import { randomBytes } from "node:crypto";
import { defineEndpoint, defineSocket } from "portcullis";

const socket = defineSocket();

const pingChannel = socket.channel("ping").on({
  ping: () => ({ ping: "pong" }),
});

const endpoint = defineEndpoint({
  secretKeyBase: process.env["SECRET_KEY_BASE"] ?? randomBytes(48).toString("base64"),
  sockets: { "/socket": { socket, channels: [pingChannel] } },
});

const { url } = await endpoint.listen({ port: Number(process.env["PORT"] ?? 4000) });
console.log(url);
