import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { defineEndpoint, defineSocket, reject, signedToken } from "portcullis";

const salt = "user socket";
const maxAgeSeconds = 86_400;

const signedOutAt = new Map<string, number>();

const socket = defineSocket({
  authenticate: signedToken({ salt, maxAgeSeconds }),
  connect({ identity }) {
    const { subject, issuedAt } = identity;
    if (issuedAt <= (signedOutAt.get(subject) ?? 0)) return reject("signed out");
    return { userId: subject };
  },
  id: ({ userId }) => `users:${userId}`,
});

const pingChannel = socket.channel("ping", { authorize: "everyone" }).on({
  ping: (_payload, channel) => ({ ping: "pong", to: channel.assigns.userId }),
});

const userChannel = socket
  .channel("user:{id}", {
    authorize: (channel) => channel.topicParams.id === channel.assigns.userId,
  })
  .on({
    hello: (_payload, channel) => ({ hello: channel.assigns.userId }),
  });

const endpoint = defineEndpoint({
  url: { host: "localhost" }, // where your pages come from
  secretKeyBase: process.env["SECRET_KEY_BASE"] ?? randomBytes(48).toString("base64"),
  sockets: { "/socket": { socket, channels: [pingChannel, userChannel] } },
});

const server = createServer((request, response) => {
  const [, route, userId = ""] = (request.url ?? "").split("/");
  if (request.method === "POST" && route === "sign-in") {
    // Your login stands here and checks a password first. This one believes everybody.
    response.end(endpoint.tokens.sign(salt, userId, { maxAgeSeconds }));
  } else if (request.method === "POST" && route === "sign-out") {
    signedOutAt.set(userId, Date.now());
    endpoint.disconnect(`users:${userId}`);
    response.end();
  } else {
    response.writeHead(404).end();
  }
});
endpoint.attach(server);
server.listen(Number(process.env["PORT"] ?? 4000), () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`);
});
