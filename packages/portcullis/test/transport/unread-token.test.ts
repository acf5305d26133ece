import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { defineEndpoint, defineSocket, type Logger } from "../../src/index.ts";

test("a token offered to a socket that reads none is told of in the log, without the token", async () => {
  const lines: string[] = [];
  const logger: Logger = { debug() {}, info() {}, error() {}, warn: (line) => void lines.push(line) };
  const endpoint = defineEndpoint({
    secretKeyBase: "s".repeat(64),
    logger,
    sockets: { "/open": { socket: defineSocket(), channels: [] } },
  });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  try {
    const secret = Buffer.from("a-token-nobody-reads").toString("base64url");
    const client = new WebSocket(`ws://127.0.0.1:${port}/open/websocket?vsn=2.0.0`, [
      "phoenix",
      `base64url.bearer.phx.${secret}`,
    ]);
    await new Promise<void>((resolve) => client.once("error", () => resolve()));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('connectInfo: ["authToken"]');
    expect(lines[0]).not.toContain(secret);
    expect(lines[0]).not.toContain("a-token-nobody-reads");
  } finally {
    await endpoint.close();
  }
});
