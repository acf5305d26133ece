/** What is said in one run is written together: nobody loses a word of it, hears more than that, or hears it after the end. */

import { expect, test } from "vitest";
import { type AnyChannel, accept, defineSocket, type MountOptions } from "../../src/index.ts";
import { arena } from "./support/arena.ts";
import { frame, type RawClient } from "./support/raw.ts";

/** `room:{id}`: `tell` runs what the test gave it in the middle of a run of the program. */
function rooms(midway: () => void): Readonly<Record<string, MountOptions>> {
  const socket = defineSocket({
    connect: ({ params }) => accept({ subject: String(params["user"]), assigns: { user: String(params["user"]) } }),
    id: ({ user }) => `users:${user}`,
  });
  const room: AnyChannel = socket.channel("room:{id}", { join: () => {} }).on({
    echo: (payload) => payload,
    tell(_payload, channel) {
      for (const n of [1, 2]) channel.broadcast("said", { n });
      midway();
      for (const n of [3, 4]) channel.broadcast("said", { n });
    },
  });
  return { "/socket": { socket, channels: [room], websocket: { deflate: true } } };
}

const offersDeflate = ["Sec-WebSocket-Extensions: permessage-deflate"];

async function enterAs(world: Awaited<ReturnType<typeof arena>>, user: string, headers: readonly string[] = []) {
  const client = await world.enter({ path: `/socket/websocket?vsn=2.0.0&user=${user}`, headers });
  await client.join("room:1");
  client.frames.length = 0;
  return client;
}

/** What it was told, in order: numbers, names of events, and the code of the close. */
function heard({ frames }: RawClient): readonly unknown[] {
  return frames.map(({ opcode, payload }) => {
    if (opcode === 8) return payload.readUInt16BE(0);
    const [, , , event, said] = JSON.parse(payload.toString("utf8")) as [0, 0, 0, string, { n?: number }];
    return said.n ?? event;
  });
}

const push = (ref: string): Buffer => frame(JSON.stringify([null, ref, "room:1", "echo", { ref }]));

test.each<[string, number, Buffer]>([
  ["closes", 1000, frame(Buffer.from([3, 232]), { opcode: 8 })],
  ["closes without a reason", 1005, frame("", { opcode: 8 })],
  ["breaks WebSocket", 1002, frame("x", { rsv: 4 })],
  ["sends text that is none", 1007, frame(Buffer.from([0xff]), { opcode: 1 })],
  ["sends what is no message", 1011, frame("nonsense")],
])("who pushes and %s in one packet is answered before that", async (_how, code, end) => {
  const world = await arena({ sockets: rooms(() => {}) });
  const client = await enterAs(world, "ada");
  client.send(push("1"), push("2"), end);
  expect(await client.closed()).toBe(code);
  expect(client.messages.map((message) => (message as unknown[])[1])).toEqual(["1", "2"]);
});

test.each<[string, readonly string[]]>([
  ["plain", []],
  ["deflated", offersDeflate],
])(
  "who is taken away in the middle of a run hears what was said before, why, and nothing more; the others all of it (%s)",
  async (_how, headers) => {
    let midway = (): void => {};
    const world = await arena({ sockets: rooms(() => midway()) });
    const [ada, eve, bob] = [
      await enterAs(world, "ada", headers),
      await enterAs(world, "eve", headers),
      await enterAs(world, "bob"),
    ];
    midway = () => {
      void world.endpoint.revoke({ subject: "eve" });
      world.endpoint.disconnect("users:ada");
    };
    bob.message(null, null, "room:1", "tell", {});
    await Promise.all([ada.ended, eve.ended, bob.until(() => bob.frames.length === 4)]);
    expect(heard(ada)).toEqual([1, 2, 1001]);
    expect(heard(eve)).toEqual([1, 2, "phx_closing", 4101]);
    expect(heard(bob)).toEqual([1, 2, 3, 4]);
  },
);

test("who leaves in the middle of a run hears nothing of the rest, and nobody hears what another was told alone", async () => {
  const world = await arena({ sockets: rooms(() => {}) });
  const clients = await Promise.all(["ada", "eve", "bob"].map((user) => enterAs(world, user)));
  const [ada, eve, bob] = clients as [RawClient, RawClient, RawClient];
  const leave = frame(JSON.stringify([null, "l", "room:1", "phx_leave", {}]));
  const tell = frame(JSON.stringify([null, null, "room:1", "tell", {}]));
  ada.send(push("a"), tell, leave, tell, push("b"));
  eve.send(push("e"));
  bob.send(push("f"));
  await Promise.all([
    ada.reply("b"),
    eve.reply("e"),
    eve.until(() => eve.frames.length === 5),
    bob.until(() => bob.frames.length === 5),
  ]);
  expect(heard(ada)).toEqual(["phx_reply", 1, 2, 3, 4, "phx_reply", "phx_close", "phx_reply", "phx_reply"]);
  for (const [client, ref] of [
    [eve, "e"],
    [bob, "f"],
  ] as const) {
    expect(heard(client).filter((one) => one !== "phx_reply")).toEqual([1, 2, 3, 4]);
    const refs = client.messages.map((message) => (message as unknown[])[1]).filter((one) => one !== null);
    expect(refs).toEqual([ref]);
  }
});
