import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { defineEndpoint, defineSocket } from "portcullis";

const salt = "user socket";
const maxAgeSeconds = 86_400;

const socket = defineSocket();

const pingChannel = socket.channel("ping").on({
  ping: () => ({ ping: "pong" }),
});

const endpoint = defineEndpoint({
  secretKeyBase: process.env["SECRET_KEY_BASE"] ?? randomBytes(48).toString("base64"),
  sockets: { "/socket": { socket, channels: [pingChannel] } },
});

const server = createServer((request, response) => {
  const [, route, userId = ""] = (request.url ?? "").split("/");
  if (request.method === "POST" && route === "sign-in") {
    // Your login stands here and checks a password first. This one believes everybody.
    response.end(endpoint.tokens.sign(salt, userId, { maxAgeSeconds }));
  } else {
    response.writeHead(404).end();
  }
});
endpoint.attach(server);
server.listen(Number(process.env["PORT"] ?? 4000), () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`);
});
