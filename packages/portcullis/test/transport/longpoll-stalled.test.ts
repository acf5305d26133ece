/** A POST is not kept waiting for handlers that never end: its client is told, and begins anew. */
import { expect, test } from "vitest";
import { defineSocket } from "../../src/index.ts";
import { arena } from "../security/support/arena.ts";

test("a message that is not taken within the window is 408, ends its session, and no other", async () => {
  const socket = defineSocket();
  const channel = socket.channel("room:{id}").on({
    hang: () => new Promise<never>(() => {}),
    echo: (payload) => payload,
  });
  const sockets = {
    "/socket": { socket, channels: [channel], limits: { pendingFramesMax: 2 }, longpoll: { windowMs: 1_000 } },
  };
  const { port, events } = await arena({ sockets });
  const ask = async (token: string, lines?: readonly (readonly unknown[])[]) => {
    const headers = { "x-phoenix-longpoll-token": token, "content-type": "application/x-ndjson" };
    const post = { method: "POST", body: lines?.map((line) => JSON.stringify(line)).join("\n") ?? null };
    const url = `http://127.0.0.1:${port}/socket/longpoll?vsn=2.0.0`;
    return (await (await fetch(url, { headers, ...(lines === undefined ? {} : post) })).json()) as {
      readonly status: number;
      readonly token: string;
      readonly messages: readonly string[];
    };
  };
  const stuck = await ask("");
  const other = await ask("");
  const join = ["11", "1", "room:1", "phx_join", {}];
  expect(await ask(other.token, [join])).toEqual({ status: 200 });
  const push = (ref: string, event: string): readonly unknown[] => ["11", ref, "room:1", event, {}];
  expect(await ask(stuck.token, [join, push("2", "hang")])).toEqual({ status: 200 });
  const [behind, others] = await Promise.all([
    ask(
      stuck.token,
      ["3", "4", "5", "6"].map((ref) => push(ref, "echo")),
    ),
    ask(other.token),
  ]);
  expect(behind).toEqual({ status: 408 });
  expect(others.status).toBe(200);
  expect(await ask(stuck.token, [push("7", "echo")])).toEqual({ status: 410 });
  const ended = events.filter(({ name }) => name === "socket.closed").map(({ metadata }) => metadata["code"]);
  expect(ended).toContain("stalled");
});
