/** An application to be tested with the kit: one of everything. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  accept,
  type Clock,
  defineEndpoint,
  defineSocket,
  type PubSubAdapter,
  reject,
  reply,
  signedToken,
  silentLogger,
  stop,
} from "portcullis";
import { z } from "zod";

export const secretKeyBase = "for the tests of the test kit".padEnd(64, ".");

export const userSocket = defineSocket({
  authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 86_400 }),
  connect: ({ identity }) => ({ userId: identity.subject }),
  id: ({ userId }) => `users:${userId}`,
});

export const roomChannel = userSocket
  .channel("room:{name}", {
    params: z.object({ as: z.string().optional() }),
    in: {
      say: z.object({ text: z.string() }),
      whisper: z.object({ text: z.string() }),
      ask: z.object({}),
      wait: z.object({}),
      stop: z.object({ badly: z.boolean().optional() }),
      fail: z.object({}),
      bytes: z.object({}),
    },
    out: { said: z.object({ text: z.string(), by: z.string() }), ticked: z.object({ count: z.number() }) },
    authorize: (channel) => channel.topicParams.name !== "secret",
    join({ as = "nobody" }, channel) {
      if (as === "crasher") throw new Error("join failed on purpose");
      if (as === "late") return sleep(10).then(() => accept({ reply: { as }, assigns: { as, ticks: 0 } }));
      if (channel.topicParams.name === "full") return reject("room full", { max: 1 });
      return accept({ reply: { as, at: new Date(0) }, assigns: { as, ticks: 0 } });
    },
  })
  .on({
    say({ text }, channel) {
      channel.broadcast("said", { text, by: channel.assigns.as });
      return { ok: true };
    },
    whisper({ text }, channel) {
      channel.broadcastFrom("said", { text, by: channel.assigns.as });
    },
    ask: (_payload, channel) => reply("queued", { place: 4, userId: channel.assigns.userId }),
    wait(_payload, channel) {
      const answer = channel.deferReply();
      channel.send("answer", answer);
    },
    stop: ({ badly = false }) =>
      badly ? stop({ error: new Error("stopped on purpose") }) : stop({ reply: { bye: true } }),
    fail() {
      throw new Error("handler failed on purpose");
    },
    bytes: () => new Uint8Array([1, 2, 3]),
  })
  .info({
    async answer(answer: (value: object) => void) {
      await sleep(5);
      answer({ later: true });
    },
    tick(_message: unknown, channel) {
      const count = channel.assigns.ticks + 1;
      channel.assign({ ticks: count });
      channel.push("ticked", { count });
    },
  })
  .leave(async ({ kind }, channel) => {
    await sleep(5);
    channel.endpoint.broadcast("goodbyes", "left", { kind });
  });

export const openSocket = defineSocket();
export const echoChannel = openSocket.channel("echo:*").on({
  echo: (payload) => payload,
  quiet() {},
});

/** The application, silent, with an open socket beside the one that wants to know who is there. */
export function application(options: { readonly clock?: Clock; readonly pubsub?: PubSubAdapter } = {}) {
  return defineEndpoint({
    secretKeyBase,
    logger: silentLogger,
    sockets: {
      "/socket": { socket: userSocket, channels: [roomChannel] },
      "/open/:tenant": { socket: openSocket, channels: [echoChannel], from: ["params"], channelsMax: 3 },
    },
    ...options,
  });
}

export type Application = ReturnType<typeof application>;

/** A token for one of its users. */
export function tokenOf(endpoint: Application, userId = "ada"): string {
  return endpoint.tokens.sign("user socket", userId, { maxAgeSeconds: 60 });
}
