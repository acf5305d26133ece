/** What nodes write to each other: nothing is believed that is not signed, whole, and of this version. */
import { createHmac, pbkdf2Sync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BusMessage, Envelopes } from "../../src/pubsub/envelope.ts";
import { DerivedKeys } from "../../src/token/key.ts";
import { SecretRing } from "../../src/token/ring.ts";

const secret = "a secret of this cluster, with at least its sixty-four characters";
const otherSecret = "the secret of another cluster, which has sixty-four characters too";
const envelopesOf = (...secrets: readonly string[]): Envelopes =>
  new Envelopes(new DerivedKeys(new SecretRing([...secrets]), 8));
const envelopes = envelopesOf(secret);
const key = pbkdf2Sync(secret, "portcullis pubsub", 1_000, 32, "sha256");

/** Signs anything, as a node would: what is inside is then all that is left to refuse. */
function signed(body: string): string {
  return `${createHmac("sha256", key).update(body).digest("base64url")}.${body}`;
}

const payload = { n: 1, ü: ["\u2028", null] };
const broadcast: BusMessage = { kind: "broadcast", topic: "room:1", event: "news", payload };
const messages: readonly (readonly [what: string, message: BusMessage])[] = [
  ["a broadcast", broadcast],
  ["bytes", { kind: "broadcast", topic: "t", event: "e", payload: Uint8Array.from([0, 128, 255, 10]) }],
  ["no bytes", { kind: "broadcast", topic: "t", event: "e", payload: new Uint8Array() }],
  ["a topic named for a command", { kind: "broadcast", topic: "disconnect", event: "longpoll", payload: {} }],
  ["a disconnect", { kind: "control", message: { kind: "disconnect", id: "users:1" } }],
  ["a presence's word", { kind: "control", message: { kind: "presence", name: "p", data: [1, { a: null }] } }],
  ["a letter", { kind: "control", message: { kind: "longpoll", data: { type: "poll" } } }],
];

describe("a message", () => {
  test.each(messages)("that is %s comes out as it went in, with its sender", (_what, message) => {
    expect(envelopes.open(envelopes.seal("a node", message))).toEqual({ ok: true, from: "a node", message });
  });

  test("is signed as anybody can sign who has the secret, and the JSON after that can be read by eye", () => {
    expect(envelopes.seal("n", broadcast)).toBe(signed(JSON.stringify([1, "n", "room:1", "news", payload])));
  });

  test("comes out of any JSON object that went in, and keys named like prototypes are keys", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.dictionary(fc.string(), fc.jsonValue()), (topic, event, given) => {
        fc.pre(!event.startsWith("phx_") && event !== "disconnect");
        const plain = JSON.parse(JSON.stringify(given)) as object;
        const message: BusMessage = { kind: "broadcast", topic, event, payload: plain };
        expect(envelopes.open(envelopes.seal("n", message))).toEqual({ ok: true, from: "n", message });
      }),
    );
    const odd = JSON.parse('{"__proto__":{"polluted":1},"constructor":1}') as object;
    const opened = envelopes.open(envelopes.seal("n", { kind: "broadcast", topic: "t", event: "e", payload: odd }));
    expect(JSON.stringify(opened)).toContain('"__proto__":{"polluted":1}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("is refused when a character of it is another, wherever that is", () => {
    const text = envelopes.seal("n", broadcast);
    for (let at = 0; at < text.length; at += 1) {
      const changed = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
      expect(envelopes.open(changed), `at ${at}`).toEqual({ ok: false, fault: "unsigned" });
    }
  });

  test("is refused when it is cut short or goes on, wherever that is", () => {
    const text = envelopes.seal("n", broadcast);
    for (let length = 0; length < text.length; length += 1) {
      expect(envelopes.open(text.slice(0, length)), `to ${length}`).toEqual({ ok: false, fault: "unsigned" });
    }
    for (const more of [" ", "\n", "\0", "x", text]) {
      expect(envelopes.open(text + more)).toEqual({ ok: false, fault: "unsigned" });
      expect(envelopes.open(more + text)).toEqual({ ok: false, fault: "unsigned" });
    }
  });

  test("of another secret, or signed with the secret itself, is refused", () => {
    expect(envelopes.open(envelopesOf(otherSecret).seal("n", broadcast))).toEqual({ ok: false, fault: "unsigned" });
    const body = JSON.stringify([1, "n", "t", "e", {}]);
    const naive = createHmac("sha256", secret).update(body).digest("base64url");
    for (const mac of [naive, "A".repeat(43), "é".repeat(43), ""]) {
      expect(envelopes.open(`${mac}.${body}`)).toEqual({ ok: false, fault: "unsigned" });
    }
  });

  test("is taken under every secret of the ring, and signed with the first", () => {
    const rotating = envelopesOf(otherSecret, secret);
    expect(rotating.open(envelopes.seal("n", broadcast))).toMatchObject({ ok: true });
    expect(rotating.open(envelopesOf(otherSecret).seal("n", broadcast))).toMatchObject({ ok: true });
    expect(envelopesOf(otherSecret).open(rotating.seal("n", broadcast))).toMatchObject({ ok: true });
    expect(envelopes.open(rotating.seal("n", broadcast))).toEqual({ ok: false, fault: "unsigned" });
  });
});

test.each<[what: string, fields: unknown]>([
  ["no list", { version: 1 }],
  ["nothing", null],
  ["an empty list", []],
  ["another version", [2, "n", "t", "e", {}]],
  ["a version in another type", ["1", "n", "t", "e", {}]],
  ["a sender that is no text", [1, 7, "t", "e", {}]],
  ["a topic that is no text", [1, "n", {}, "e", {}]],
  ["an event that is no text", [1, "n", "t", null, {}]],
  ["an event of the protocol's own", [1, "n", "t", "phx_close", {}]],
  ["a disconnect as an event", [1, "n", "users:1", "disconnect", {}]],
  ["a payload that is a text", [1, "n", "t", "e", "text"]],
  ["a payload that is a list", [1, "n", "t", "e", [1]]],
  ["no payload", [1, "n", "t", "e"]],
  ["a payload of null", [1, "n", "t", "e", null]],
  ["another encoding", [1, "n", "t", "e", "AAAA", "hex"]],
  ["bytes that are no text", [1, "n", "t", "e", [0], "base64"]],
  ["a command nobody knows", [1, "n", { kind: "eval", data: {} }]],
  ["a command without a kind", [1, "n", {}]],
  ["a command that is a text", [1, "n", "disconnect"]],
  ["a disconnect of nobody", [1, "n", { kind: "disconnect" }]],
  ["a disconnect of a list", [1, "n", { kind: "disconnect", id: ["users:1"] }]],
  ["a presence without a name", [1, "n", { kind: "presence", data: 1 }]],
])("what is signed and holds %s is unreadable", (_what, fields) => {
  expect(envelopes.open(signed(JSON.stringify(fields)))).toEqual({ ok: false, fault: "unreadable" });
});

test("what is signed and no JSON is unreadable", () => {
  for (const body of ["", "{", "[1,", "undefined"]) {
    expect(envelopes.open(signed(body))).toEqual({ ok: false, fault: "unreadable" });
  }
});

test("no text at all makes opening throw", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("latin1")),
        fc.json().map(signed),
      ),
      (text) => {
        const opened = envelopes.open(text);
        expect(["unsigned", "unreadable", "opened"]).toContain(opened.ok ? "opened" : opened.fault);
      },
    ),
  );
});

test("exactly the bound fits, a character more is the broadcaster's to mend, and is not taken", () => {
  const max = 16_777_216;
  const rest = JSON.stringify([1, "n", "t", "e", { a: "" }]).length;
  const sized = (characters: number): BusMessage => {
    return { kind: "broadcast", topic: "t", event: "e", payload: { a: "x".repeat(characters - rest) } };
  };
  expect(envelopes.open(envelopes.seal("n", sized(max)))).toMatchObject({ ok: true });
  expect(() => envelopes.seal("n", sized(max + 1))).toThrow(RangeError);
  expect(envelopes.open(signed("x".repeat(max + 1)))).toEqual({ ok: false, fault: "too_large" });
});
