// Binary messages, and frames that are none.
import { type Case, type Cell, version2Only, webSocketOnly } from "../case.ts";
import { encode } from "../message.ts";

// On long-poll a server's binary message is a string in JSON, and Phoenix fails where its bytes are not UTF-8.
const bytesFor = ({ transport, world }: Cell): Buffer =>
  transport === "websocket" || world.strict !== true
    ? Buffer.from([0, 1, 2, 0xff, 0xfe, 0])
    : Buffer.from("a\u0000bytes é");

const notInJson = ({ transport, world }: Cell): string | false =>
  transport === "longpoll" &&
  world.strict === true &&
  "a size of 128 or more is not UTF-8, and Phoenix fails to send it";

const malformed: Readonly<Record<1 | 2, readonly string[]>> = {
  1: [
    "",
    "{",
    "nonsense",
    "null",
    "1",
    '"text"',
    "[]",
    "{}",
    '{"topic":"t","event":"e","payload":{}}',
    '["1","1","t","e",{}]',
  ],
  2: [
    "",
    "[",
    "nonsense",
    "null",
    "1",
    '"text"',
    "{}",
    "[]",
    '["1","1","t","e"]',
    '{"topic":"t","event":"e","payload":{},"ref":"1"}',
  ],
};

const malformedBytes: readonly (readonly number[])[] = [
  [],
  [0],
  [0, 1, 1, 1, 1],
  [0, 255, 1, 1, 1, 0x61, 0x61, 0x61, 0x61],
  [1, 1, 1, 1, 1, 0x61, 0x61, 0x61, 0x61],
  [9, 1, 1, 1, 1, 0x61, 0x61, 0x61, 0x61],
];

export const bytes: readonly Case[] = [
  {
    id: "binary-push",
    says: "a binary push is bytes for its handler, and may be answered with bytes, with its refs and topic",
    leftOut: version2Only,
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      const data = bytesFor(stage);
      await room.ask("echo", data, data);
      await room.ask("reply_bin", data, data);
      await room.ask("status_only", data, {});
      await room.ask("echo", Buffer.alloc(0), Buffer.alloc(0));
    },
  },
  {
    id: "binary-join",
    says: "a join may be binary, and be answered with bytes",
    leftOut: version2Only,
    async run(stage) {
      const client = await stage.connect();
      const data = bytesFor(stage);
      await client.join(stage.topic(), data, data);
      await client.join(stage.topic(), { reply_bin: true }, Buffer.from([1, 2, 3]));
      const { room, ref } = client.sendJoin(stage.topic(), { error_bin: true });
      await room.expectReply(ref, "error", Buffer.from([9, 9]));
    },
  },
  {
    id: "binary-from-server",
    says: "the server may push, broadcast and reply with bytes",
    leftOut: version2Only,
    async run(stage) {
      const topic = stage.topic();
      const [one, two] = [await stage.connect(), await stage.connect()];
      const [first, second] = [await one.join(topic), await two.join(topic)];
      const data = bytesFor(stage);
      first.push("push_bin", { b64: data.toString("base64") });
      await first.expectPush("pushed", data);
      first.push("shout_bin", data);
      for (const room of [first, second]) await room.expectBroadcast("shout", data);
      await first.ask("error_bin", {}, Buffer.from([9, 9]), "error");
    },
  },
  {
    id: "binary-sizes",
    says: "sizes count bytes of UTF-8, not letters",
    leftOut: version2Only,
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(`${stage.topic()}日本é🎉`);
      const data = Buffer.from("x");
      await room.expectReply(room.push("echo", data, "réf-日"), "ok", data);
      room.push("push_bin", data);
      await room.expectPush("pushed", data);
    },
  },
  {
    id: "binary-long-names",
    says: "names of more than 255 bytes go as text; as bytes the channel that sends them crashes",
    leftOut: (cell) => version2Only(cell) || notInJson(cell),
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      room.push("long_event", { n: 300 });
      await room.expectPush("e".repeat(300), {});
      room.push("long_event", { n: 255, bin: true });
      await room.expectPush("e".repeat(255), Buffer.from("x"));
      room.push("long_event", { n: 256, bin: true });
      await room.expectError();
    },
  },
  {
    id: "malformed",
    says: "text that is no message ends its connection, with 1011 on WebSocket, and no other",
    async run(stage) {
      const other = await stage.connect({ mount: "/short" });
      await Promise.all(
        malformed[stage.vsn].map(async (text) => {
          const client = await stage.connect({ mount: "/short" });
          client.sendFrame(text);
          await client.expectClosed(1011);
        }),
      );
      await other.join(stage.topic());
    },
  },
  {
    id: "malformed-binary",
    says: "bytes that are no message, of unknown kind or of sizes past the end, end their connection with 1011",
    leftOut: (cell) => version2Only(cell) || (cell.transport === "longpoll" && "what isn't base64 is told at once"),
    async run(stage) {
      for (const frame of malformedBytes) {
        const client = await stage.connect();
        client.sendFrame(Buffer.from(frame));
        await client.expectClosed(1011);
      }
    },
  },
  {
    id: "frame-limit",
    says: "a frame of exactly the limit passes, a longer one is 1009",
    leftOut: webSocketOnly,
    async run(stage) {
      const client = await stage.connect({ mount: "/short" });
      const room = await client.join(stage.topic());
      const message = (data: string) =>
        encode(stage.vsn, { joinRef: room.joinRef, ref: "r", topic: room.topic, event: "echo", payload: { data } });
      const data = "x".repeat(4096 - message("").length);
      client.sendFrame(message(data));
      await room.expectReply("r", "ok", { data });
      client.sendFrame(message(`${data}x`));
      await client.expectClosed(1009);
    },
  },
  {
    id: "idle",
    says: "a client that sends nothing is closed after the timeout; one that sends is not, and what it hears doesn't count",
    leftOut: webSocketOnly,
    async run(stage) {
      const mount = "/short";
      const topic = stage.topic();
      const [silent, speaking] = [await stage.connect({ mount }), await stage.connect({ mount })];
      const hearer = await silent.join(topic);
      const room = await speaking.join(topic);
      const startedMs = Date.now();
      while (Date.now() - startedMs < 1_200) {
        const payload = { at: Date.now() };
        room.push("shout", payload);
        await room.expectBroadcast("shout", payload);
        await hearer.expectBroadcast("shout", payload);
        await room.ask("sleep", { ms: 200 }, { slept: 200 });
      }
      const code = await silent.closed();
      const tookMs = Date.now() - startedMs;
      const right = stage.strict ? [1000, 1002] : [1000, 1001, 1002];
      if (!right.includes(Number(code))) throw new Error(`Expected close ${right.join(" or ")}, got ${code}.`);
      if (tookMs < 1_300) throw new Error(`Expected the timeout of 1500 ms, was closed after ${tookMs} ms.`);
      await room.ask("echo", {}, {});
    },
  },
];
