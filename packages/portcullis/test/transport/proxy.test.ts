import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { requestReader } from "../../src/transport/proxy.ts";

function request(remoteAddress: string, headers: Record<string, string>): IncomingMessage {
  return {
    url: "/s/websocket?a=1",
    headers: { host: "own.example:4000", ...headers },
    socket: { remoteAddress, remotePort: 5 },
  } as never;
}

const reader = requestReader(["10.0.0.0/8"]);

test.each([
  ["9.9.9.9", "9.9.9.9"],
  ["6.6.6.6, 9.9.9.9", "9.9.9.9"],
  ["9.9.9.9, 10.1.1.1", "9.9.9.9"],
  ["9.9.9.9, ::ffff:10.1.1.1", "9.9.9.9"],
  ["9.9.9.9:5678", "9.9.9.9"],
  ["[2001:db8::1]:5678, 10.1.1.1:80", "2001:db8::1"],
  ["10.1.1.1", "10.0.0.1"],
  ["<script>", "10.0.0.1"],
])("the client behind X-Forwarded-For: %s is %s", (header, address) => {
  expect(reader.peer(request("10.0.0.1", { "x-forwarded-for": header })).address).toBe(address);
  // From anybody else the header says nothing.
  expect(reader.peer(request("8.8.8.8", { "x-forwarded-for": header })).address).toBe("8.8.8.8");
});

test("of several forwarded values the one the trusted proxy wrote counts", () => {
  const headers = {
    "x-forwarded-proto": "http, https",
    "x-forwarded-host": "made-up.example, app.example",
    "x-forwarded-port": "1, 8443",
  };
  expect(reader.uri(request("::ffff:10.0.0.1", headers))).toMatchObject({
    scheme: "https",
    host: "app.example",
    port: 8443,
  });
  expect(reader.uri(request("8.8.8.8", headers))).toMatchObject({ scheme: "http", host: "own.example", port: 4000 });
});
