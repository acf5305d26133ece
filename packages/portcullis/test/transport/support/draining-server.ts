// A server that drains when it is told to stop, in a process of its own.
import { defineEndpoint, defineSocket } from "../../../src/index.ts";

const endpoint = defineEndpoint({
  secretKeyBase: "s".repeat(64),
  sockets: { "/s": { socket: defineSocket(), channels: [] } },
});
const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
endpoint.drainOnSignal("SIGTERM");
console.log(JSON.stringify({ port, pid: process.pid }));
