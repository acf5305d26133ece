/** Tests that belong to no runner: what they import is the library and Node. */
import assert from "node:assert/strict";
import { connect, fakeClock, memoryBus, pubsubAdapterSuite, refused } from "portcullis/testing";
import { application, tokenOf } from "../support.ts";

export const cases: readonly { readonly name: string; run(): Promise<void> }[] = [
  {
    name: "a client joins, pushes and hears",
    async run() {
      const endpoint = application({ clock: fakeClock() });
      const socket = await connect(endpoint, "/socket", { token: tokenOf(endpoint) });
      const room = await socket.join("room:lobby", { as: "ada" });
      await room.assertReply(room.push("say", { text: "hi" }), "ok", { ok: true });
      await room.assertPush("said", { by: "ada" });
      await room.refutePush("said");
      await room.leave();
      await socket.close();
    },
  },
  {
    name: "a stranger is refused",
    async run() {
      assert.equal((await refused(application(), "/socket")).status, 403);
    },
  },
  {
    name: "a failed assertion is an AssertionError with a message",
    async run() {
      const socket = await connect(application(), "/open/a", { withinMs: 5 });
      const echo = await socket.join("echo:1");
      await assert.rejects(echo.assertPush("news"), { name: "AssertionError", message: /Nothing else came/ });
    },
  },
  ...pubsubAdapterSuite({ create: () => withAdapters(memoryBus()), cuts: true }),
];

function withAdapters(bus: ReturnType<typeof memoryBus>) {
  return { adapter: () => bus, cut: () => bus.cut(), heal: () => bus.heal() };
}
