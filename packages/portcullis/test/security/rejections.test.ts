/** Functions of the program's own that return a promise where none is asked for: what it rejects ends no process. */

import { beforeEach, expect, test } from "vitest";
import { jwks, jwt } from "../../src/auth/jwt.ts";
import { defineEndpoint, type PubSubAdapter } from "../../src/index.ts";
import { audience, issuer, makeKey, token } from "../auth/support/jws.ts";
import { verdict } from "../auth/support/request.ts";
import { afterwards, listener, openSocket, pingChannel, secretKeyBase } from "./support/arena.ts";
import { knock } from "./support/raw.ts";

const unheard: unknown[] = [];
beforeEach(() => {
  unheard.length = 0;
  const onUnheard = (error: unknown): void => void unheard.push(error);
  process.on("unhandledRejection", onUnheard);
  return () => void process.off("unhandledRejection", onUnheard);
});

const rejects = async (): Promise<never> => Promise.reject(new Error("the bus is down"));

test("an adapter whose client rejects what can't be sent is told of, and the process goes on", async () => {
  const socket = openSocket();
  const { said, logger } = listener();
  const adapter: PubSubAdapter = {
    connect: () => ({ subscribe: rejects, unsubscribe: rejects, publish: rejects, close: async () => {} }),
  };
  const endpoint = defineEndpoint({
    secretKeyBase,
    sockets: { "/socket": { socket, channels: [pingChannel(socket)] } },
    pubsub: adapter,
    logger,
  });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  afterwards(() => endpoint.close());
  const client = await knock(port);
  await client.join("ping:room");
  client.message(null, null, "ping:room", "shout", { text: "hello" });
  await client.until(() => client.messages.some((message) => (message as unknown[])[3] === "shout"));
  await client.push("ping:room", "phx_leave", {}, "leave");
  await expect.poll(() => said.some(({ message }) => message.includes("adapter"))).toBe(true);
  expect(unheard).toEqual([]);
});

test.each([
  [
    "throws",
    () => {
      throw new Error("the reporter is down");
    },
  ],
  ["is rejected", rejects],
])("an outage of an issuer's keys is no worse when telling of it %s", async (_what, onFailure) => {
  const key = makeKey("ES256");
  const authenticate = jwt({
    keys: jwks({ url: "https://issuer.example/jwks.json", algorithms: ["ES256"], fetch: rejects, onFailure }),
    issuer,
    audience,
    maxAgeSeconds: 60,
  });
  expect(await verdict(authenticate, await token(key))).toBe("unavailable");
  await new Promise((resolve) => setImmediate(resolve));
  expect(unheard).toEqual([]);
});
