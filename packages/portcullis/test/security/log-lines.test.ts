/** What a client says may come back in what a hook throws. It makes no line of the log its own. */

import { expect, test } from "vitest";
import { defineEndpoint } from "../../src/index.ts";
import { afterwards, arena, openSocket, secretKeyBase } from "./support/arena.ts";
import { knock } from "./support/raw.ts";

const forged = "harmless\n2026-11-26 portcullis: everything is well\r\u001b[2J\u2028\u0085\u0000";

test("an error that quotes a client is one line, in whatever hook it was thrown", async () => {
  const socket = openSocket();
  const fail = (payload: unknown): never => {
    throw new Error((payload as { text: string }).text);
  };
  const channel = socket
    .channel("room:{id}", { join: (payload) => void ((payload as { crash?: true }).crash && fail(payload)) })
    .on({
      // After its channel has ended: the error has nowhere to go but the log.
      late: async (payload) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        fail(payload);
      },
    })
    .leave(() => fail({ text: forged }));
  const { enter, said } = await arena({ sockets: { "/socket": { socket, channels: [channel] } } });
  const client = await enter();
  await client.join("room:1", { crash: true, text: forged });
  await client.join("room:2");
  await client.push("room:2", "phx_leave", {}, "leave");
  await client.join("room:3");
  client.message(null, "late", "room:3", "late", { text: forged });
  await client.join("room:3", {}, "again");
  await expect.poll(() => said.filter(({ message }) => message.includes("harmless")).length).toBeGreaterThanOrEqual(2);
  for (const { message } of said) expect(message).toMatch(/^[\u0020-\u007e\u00a0-\u2027\u202a-\uffff]*$/);
});

test("a logger and listeners whose promises are rejected end no process, whatever clients have them hear", async () => {
  const rejects = async (): Promise<never> => Promise.reject(new Error("nobody is there to be told"));
  const socket = openSocket();
  const unheard: unknown[] = [];
  const onUnheard = (error: unknown): void => void unheard.push(error);
  process.on("unhandledRejection", onUnheard);
  afterwards(() => void process.off("unhandledRejection", onUnheard));
  const endpoint = defineEndpoint({
    secretKeyBase,
    sockets: { "/socket": { socket, channels: [], origins: ["https://example.com"] } },
    logger: { debug: rejects, info: rejects, warn: rejects, error: rejects },
    telemetry: rejects,
  });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  afterwards(() => endpoint.close());
  expect((await knock(port, { headers: ["Origin: https://evil.io"] })).status).toBe(403);
  endpoint.subscribe("room", rejects);
  endpoint.broadcast("room", "said", {});
  const client = await knock(port);
  client.send("nonsense");
  expect(await client.closed()).toBe(1011);
  expect((await knock(port)).status).toBe(101);
  expect(unheard).toEqual([]);
});
