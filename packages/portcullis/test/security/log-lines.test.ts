/** What a client says may come back in what a hook throws. It makes no line of the log its own. */

import { expect, test } from "vitest";
import { arena, openSocket } from "./support/arena.ts";

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
