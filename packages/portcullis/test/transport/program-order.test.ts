/**
 * Whatever a program says, in whatever mix of broadcasts on several topics, pushes and replies, at once or a moment later: each
 * connection hears what concerns it in the order in which it was said.
 */
import { once } from "node:events";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type AnyChannel, type Channel, defineEndpoint, defineSocket, silentLogger } from "../../src/index.ts";

const topics = ["room:a", "room:b", "room:c"];
/** Who is where; one of them speaks V1, one has its messages compressed. */
const members = [
  { vsn: "2.0.0", deflate: false, in: ["room:a"] },
  { vsn: "2.0.0", deflate: false, in: ["room:a"] },
  { vsn: "2.0.0", deflate: false, in: ["room:a", "room:b"] },
  { vsn: "1.0.0", deflate: false, in: ["room:b", "room:a"] },
  { vsn: "2.0.0", deflate: true, in: ["room:c", "room:a"] },
  { vsn: "2.0.0", deflate: false, in: topics },
];

type Said = Channel<object, object, undefined>;
interface Member {
  readonly client: WebSocket;
  readonly heard: number[];
  readonly channels: Map<string, Said>;
  readonly replies: ((value: unknown) => void)[];
}

const everybody: Member[] = [];
let joining: Member | undefined;
const owners = new Map<Said, Member>();

const socket = defineSocket();
const room: AnyChannel = socket
  .channel("room:{name}", {
    join(_params, channel) {
      joining?.channels.set(channel.topic, channel as Said);
      if (joining !== undefined) owners.set(channel as Said, joining);
    },
  })
  .on({
    ask(_payload, channel) {
      owners.get(channel as Said)?.replies.push(channel.deferReply());
    },
  });
const endpoint = defineEndpoint({
  secretKeyBase: "s".repeat(64),
  logger: silentLogger,
  sockets: { "/s": { socket, channels: [room], websocket: { deflate: true } } },
});

/** What a message of the server holds, in either version. */
function payloadOf(data: string, vsn: string): { readonly n?: number; readonly response?: { readonly n?: number } } {
  const message = JSON.parse(data);
  return vsn === "1.0.0" ? message.payload : message[4];
}

beforeAll(async () => {
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  for (const { vsn, deflate, in: rooms } of members) {
    const client = new WebSocket(`ws://127.0.0.1:${port}/s/websocket?vsn=${vsn}`, { perMessageDeflate: deflate });
    const member: Member = { client, heard: [], channels: new Map(), replies: [] };
    await once(client, "open");
    for (const topic of rooms) {
      joining = member;
      send(member, vsn, topic, "phx_join", topic);
      await once(client, "message");
    }
    client.on("message", (data) => {
      const { n, response } = payloadOf(data.toString(), vsn);
      member.heard.push(n ?? response?.n ?? Number.NaN);
    });
    everybody.push(member);
  }
});

afterAll(() => endpoint.close());

function send({ client }: Member, vsn: string, topic: string, event: string, ref: string): void {
  const payload = {};
  const joinRef = event === "phx_join" ? ref : null;
  client.send(JSON.stringify(vsn === "1.0.0" ? { topic, event, payload, ref } : [joinRef, ref, topic, event, payload]));
}

interface Step {
  readonly do: "broadcast" | "volatile" | "broadcastFrom" | "push" | "reply" | "microtask" | "immediate";
  readonly who: number;
  readonly topic: number;
}

const who = fc.nat({ max: members.length - 1 });
const topic = fc.nat({ max: topics.length - 1 });
const kind: fc.Arbitrary<Step["do"]> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("broadcast" as const, "volatile" as const) },
  { weight: 4, arbitrary: fc.constantFrom("broadcastFrom" as const, "push" as const, "reply" as const) },
  { weight: 1, arbitrary: fc.constantFrom("microtask" as const, "immediate" as const) },
);
const step: fc.Arbitrary<Step> = fc.record({ do: kind, who, topic });

/** Does what `step` says, saying `n`; adds it for everybody who is to hear it. */
async function take(step: Step, n: number, expected: readonly number[][]): Promise<void> {
  if (step.do === "microtask") return Promise.resolve();
  if (step.do === "immediate") return new Promise((resolve) => setImmediate(resolve));
  const name = topics[step.topic] as string;
  const hear = (index: number): void => void expected[index]?.push(n);
  const all = (besides = -1): void => {
    for (const [index, { in: rooms }] of members.entries()) if (rooms.includes(name) && index !== besides) hear(index);
  };
  if (step.do === "broadcast" || step.do === "volatile") {
    endpoint.broadcast(name, "said", { n }, { volatile: step.do === "volatile" });
    return all();
  }
  const member = everybody[step.who] as Member;
  const channel = member.channels.get(name);
  if (channel === undefined) return;
  if (step.do === "push") {
    channel.push("said", { n });
    hear(step.who);
  } else if (step.do === "reply") {
    member.replies.pop()?.({ n });
    hear(step.who);
  } else {
    channel.broadcastFrom("said", { n });
    all(step.who);
  }
}

const patiently = { interval: 1, timeout: 15_000 };

/** So many pushes of everybody wait for their replies. */
async function askAhead(count: number): Promise<void> {
  for (const [index, member] of everybody.entries()) {
    const { vsn, in: rooms } = members[index] as (typeof members)[number];
    for (let asked = member.replies.length; asked < count; asked += 1) {
      send(member, vsn, rooms[0] as string, "ask", `ask${asked}`);
    }
  }
  await expect.poll(() => everybody.every(({ replies }) => replies.length >= count), patiently).toBe(true);
}

test("in the order in which it was said", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      await askAhead(60);
      const expected: number[][] = members.map(() => []);
      for (const member of everybody) member.heard.length = 0;
      for (const [n, one] of steps.entries()) {
        // Not awaited where nothing waits: what is said in one run is said in one run.
        if (one.do === "microtask" || one.do === "immediate") await take(one, n, expected);
        else void take(one, n, expected);
      }
      await expect
        .poll(
          () => everybody.every(({ heard }, index) => heard.length >= (expected[index] as number[]).length),
          patiently,
        )
        .toBe(true);
      expect(everybody.map(({ heard }) => heard)).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});
