/** What a test says to a channel and asks it for: CS-001 to CS-029 of Phoenix.ChannelTest, as far as they apply. */
import { AssertionError } from "node:assert";
import { connect, JoinRefused, listen } from "portcullis/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Application, application, tokenOf } from "./support.ts";

let endpoint: Application;
let socket: Awaited<ReturnType<typeof open>>;

function open(withinMs = 1_000) {
  return connect(endpoint, "/socket", { token: tokenOf(endpoint), withinMs });
}

beforeEach(async () => {
  endpoint = application();
  socket = await open();
});

/** The message of the assertion that fails. */
async function failureOf(assertion: Promise<unknown>): Promise<string> {
  const error: unknown = await assertion.then(
    () => null,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(AssertionError);
  return (error as AssertionError).message;
}

describe("joining", () => {
  test("gives the reply as a client gets it, and the channel as its handlers see it", async () => {
    const room = await socket.join("room:lobby", { as: "ada" });
    expect(room.reply).toEqual({ as: "ada", at: "1970-01-01T00:00:00.000Z" });
    expect(room.server.assigns).toEqual({ userId: "ada", as: "ada", ticks: 0 });
    expect(room.server.topicParams.name).toBe("lobby");
    expect(room.joined).toBe(true);
  });

  test("waits for a join that takes its time", async () => {
    expect((await socket.join("room:lobby", { as: "late" })).reply).toEqual({ as: "late" });
  });

  test("rejects with the refusal", async () => {
    const error: unknown = await socket.join("room:full").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JoinRefused);
    expect(error).toMatchObject({ topic: "room:full", response: { reason: "room full", max: 1 } });
  });

  test.each([
    ["room:secret", {}, { reason: "unauthorized" }],
    ["room:full", {}, { reason: "room full", max: 1 }],
    ["room:lobby", { as: "crasher" }, { reason: "join crashed" }],
    ["rooms", {}, { reason: "unmatched topic" }],
  ])("knows why %s is refused", async (topic, payload, response) => {
    expect(await socket.refused(topic, payload)).toEqual(response);
  });

  test("says so when what was to be refused is not, and leaves again", async () => {
    expect(await failureOf(socket.refused("room:lobby"))).toContain('joining "room:lobby" to be refused');
    const goodbyes = listen(endpoint, "goodbyes");
    await goodbyes.refuteBroadcast("left");
  });

  test("again replaces the channel, which is told", async () => {
    const first = await socket.join("room:lobby");
    const second = await socket.join("room:lobby");
    await first.assertClosed();
    await second.refuteClosed();
    await second.assertReply(second.push("say", { text: "hi" }), "ok");
    await second.assertPush("said");
    await first.refutePush("said");
  });
});

describe("pushing", () => {
  test("is answered with a status and a payload", async () => {
    const room = await socket.join("room:lobby");
    expect(await room.assertReply(room.push("say", { text: "hi" }), "ok")).toEqual({ ok: true });
    expect(await room.assertReply(room.push("ask"), "queued", { place: 4 })).toEqual({ place: 4, userId: "ada" });
    expect(await room.assertReply(room.push("bytes"), "ok")).toEqual(new Uint8Array([1, 2, 3]));
  });

  test("is answered later where the handler answers later", async () => {
    const room = await socket.join("room:lobby");
    await room.assertReply(room.push("wait"), "ok", { later: true });
  });

  test("is answered for each push on its own, in whatever order one asks", async () => {
    const echo = await (await connect(endpoint, "/open/a")).join("echo:1");
    const [one, two] = [echo.push("echo", { n: 1 }), echo.push("echo", { n: 2 })];
    expect(await echo.assertReply(two, "ok")).toEqual({ n: 2 });
    expect(await echo.assertReply(one, "ok")).toEqual({ n: 1 });
    await echo.refuteReply(one);
  });

  test("what the types don't allow is possible, and refused by the channel", async () => {
    const room = await socket.join("room:lobby");
    await room.assertReply(room.pushUnchecked("say", { text: 1 }), "error", { reason: "invalid payload" });
    room.pushUnchecked("nonsense");
    await room.assertCrashed();
  });

  test("has JSON under it: lists and maps survive, dates become texts", async () => {
    const echo = await (await connect(endpoint, "/open/a")).join("echo:1");
    const ref = echo.push("echo", { list: [{ a: 1 }], at: new Date(0), gone: undefined });
    expect(await echo.assertReply(ref, "ok")).toEqual({ list: [{ a: 1 }], at: "1970-01-01T00:00:00.000Z" });
  });

  test.each(["1.0.0", "2.0.0"] as const)("works in version %s", async (vsn) => {
    const echo = await (await connect(endpoint, "/open/a", { vsn })).join("echo:1");
    expect(await echo.assertReply(echo.push("echo", { n: 1 }), "ok")).toEqual({ n: 1 });
    endpoint.broadcast("echo:1", "news", { n: 2 });
    expect(await echo.assertPush("news")).toEqual({ n: 2 });
    echo.pushUnchecked("nonsense");
    await echo.assertCrashed();
    const again = await (await connect(endpoint, "/open/a", { vsn })).join("echo:1");
    await again.leave();
    expect(again.joined).toBe(false);
  });

  test("bytes go and come as bytes", async () => {
    const echo = await (await connect(endpoint, "/open/a")).join("echo:ünï");
    const bytes = new Uint8Array([0, 255, 1]);
    expect(await echo.assertReply(echo.push("echo", bytes), "ok")).toEqual(bytes);
    endpoint.broadcast("echo:ünï", "news", bytes);
    await echo.assertPush("news", bytes);
  });
});

describe("what is not asserted", () => {
  test("stays, and is found by a later assertion, in any order", async () => {
    const room = await socket.join("room:lobby");
    for (const text of ["one", "two", "three"]) room.push("say", { text });
    await room.assertPush("said", { text: "three" });
    await room.assertPush("said", { text: "one" });
    await room.assertPush("said", { text: "two" });
    await room.refutePush("said");
  });

  test("is named when an assertion fails, with what was wrong about it", async () => {
    socket = await open(10);
    const room = await socket.join("room:lobby", { as: "ada" });
    room.push("say", { text: "hello" });
    const message = await failureOf(room.assertPush("said", { text: "bye" }));
    expect(message).toContain(`Expected a push of "said" with { text: 'bye' } on "room:lobby"`);
    expect(message).toContain("it did not come within 10 ms");
    expect(message).toContain(`push "said" { text: 'hello', by: 'ada' }   (at text: expected 'bye', got 'hello')`);
  });

  test("is nothing when nothing came", async () => {
    socket = await open(10);
    const room = await socket.join("room:lobby");
    expect(await failureOf(room.assertPush("ticked"))).toContain("Nothing else came.");
  });

  test("is found by a refutation too, whenever it came", async () => {
    const room = await socket.join("room:lobby");
    room.push("say", { text: "hello" });
    await room.assertBroadcast("said");
    expect(await failureOf(room.refutePush("said"))).toContain(`push "said" { text: 'hello', by: 'nobody' }`);
    await room.refutePush("said", { text: "bye" });
  });
});

describe("matching", () => {
  const fits: Record<string, unknown> = {
    "a part": { text: "hello" },
    "a function": (payload: { text: string }) => payload.text.startsWith("h"),
    "a function in place of a value": { text: (text: string) => text.length === 5 },
    "a regular expression": { text: /^hel/ },
    "a schema": z.object({ text: z.string(), by: z.literal("nobody") }),
    "a runner's own matcher": { text: expect.stringContaining("ell") },
    nothing: undefined,
  };
  const doesNot: Record<string, unknown> = {
    "another part": { text: "bye" },
    "a key that isn't there": { text: "hello", to: "ada" },
    "a function that says no": () => false,
    "a function that throws": () => {
      throw new Error("not this one");
    },
    "a regular expression": { text: /^bye/ },
    "a schema": z.object({ text: z.number() }),
    "a runner's own matcher": { text: expect.any(Number) },
  };

  test.each(Object.keys(fits))("%s fits", async (name) => {
    const room = await socket.join("room:lobby");
    room.push("say", { text: "hello" });
    await room.assertPush("said", fits[name] as never);
  });

  test.each(Object.keys(doesNot))("%s does not fit", async (name) => {
    const room = await socket.join("room:lobby");
    room.push("say", { text: "hello" });
    await room.refutePush("said", doesNot[name] as never);
    await room.assertPush("said");
  });

  test("looks into lists, whose length counts", async () => {
    const echo = await (await connect(endpoint, "/open/a")).join("echo:1");
    const payload = { list: [{ a: 1, b: 2 }, { a: 3 }], none: null };
    await echo.assertReply(echo.push("echo", payload), "ok", { list: [{ a: 1 }, { a: 3 }], none: null });
    const second = echo.push("echo", payload);
    socket = await open(5);
    await echo.assertReply(second, "ok", { list: (list: unknown[]) => list.length === 2 });
    const third = echo.push("echo", payload);
    await echo.refuteReply(third, "error");
    await echo.assertReply(third, "ok");
  });
});

describe("broadcasts", () => {
  test("are heard by who is on the topic, and by the test where the client is left out", async () => {
    const room = await socket.join("room:lobby");
    const other = await (await open()).join("room:lobby");
    room.push("whisper", { text: "psst" });
    await room.assertBroadcast("said", { text: "psst" });
    await other.assertPush("said", { text: "psst" });
    await room.refutePush("said");
    await room.refuteBroadcast("ticked");
  });

  test("of any topic are heard by who listens", async () => {
    const heard = listen(endpoint, "goodbyes");
    const room = await socket.join("room:lobby");
    await room.leave();
    expect(await heard.assertBroadcast("left")).toEqual({ kind: "left" });
    await heard.refuteBroadcast("left");
    endpoint.broadcast("goodbyes", "left", { kind: "made up" });
    expect(await failureOf(heard.refuteBroadcast("left"))).toContain("made up");
    heard.stop();
    endpoint.broadcast("goodbyes", "late", {});
    await heard.refuteBroadcast("late");
  });
});

describe("the mailbox", () => {
  test("takes what the program sends itself", async () => {
    const room = await socket.join("room:lobby");
    room.server.send("tick");
    room.server.send("tick");
    await room.assertPush("ticked", { count: 2 });
    expect(room.server.assigns.ticks).toBe(2);
  });
});

describe("the end of a channel", () => {
  test("by leaving runs the leave hook to its end, and again is harmless", async () => {
    const heard = listen(endpoint, "goodbyes");
    const room = await socket.join("room:lobby");
    await room.leave();
    expect(room.joined).toBe(false);
    await room.assertClosed();
    await room.leave();
    await heard.assertBroadcast("left", { kind: "left" });
    await heard.refuteBroadcast("left");
  });

  test("by itself comes after its reply", async () => {
    const room = await socket.join("room:lobby");
    await room.assertReply(room.push("stop"), "ok", { bye: true });
    await room.assertClosed();
    expect(await failureOf(room.refuteClosed())).toContain('Expected "room:lobby" to go on; it was closed.');
  });

  test("by a crash fails what is waited for at once, and says what was thrown", async () => {
    socket = await open(60_000);
    const room = await socket.join("room:lobby");
    const message = await failureOf(room.assertReply(room.push("fail"), "ok"));
    expect(message).toContain("the channel crashed");
    expect(message).toContain("handler failed on purpose");
    await room.assertCrashed();
    expect(await failureOf(room.assertClosed())).toContain("the channel crashed");
    await socket.refuteClosed();
  });

  test("with an error on purpose is a crash", async () => {
    const room = await socket.join("room:lobby");
    room.push("stop", { badly: true });
    await room.assertCrashed();
  });

  test("by hanging up runs the leave hooks, and again is harmless", async () => {
    const heard = listen(endpoint, "goodbyes");
    const room = await socket.join("room:lobby");
    await socket.close();
    await socket.close();
    await heard.assertBroadcast("left", { kind: "closed" });
    expect([socket.open, room.joined, endpoint.connectionCount]).toEqual([false, false, 0]);
    expect(await failureOf(room.assertPush("said"))).toContain("the connection was closed by the test");
  });
});

test("fifty refutations take less time than Phoenix would wait for half of them", async () => {
  const room = await socket.join("room:lobby");
  const before = performance.now();
  for (let count = 0; count < 50; count += 1) await room.refutePush("said");
  expect(performance.now() - before).toBeLessThan(2_500);
});
