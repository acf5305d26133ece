/** What one end encodes the other decodes: the client's codec against the server's serializer. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode, encode, encodePayload } from "../../src/client/frame.ts";
import type { FrameData } from "../../src/protocol/message.ts";
import { serializerV2 } from "../../src/protocol/serializer-v2.ts";

const name = fc.string({ unit: "binary", maxLength: 60 });
const ref = fc.string({ maxLength: 20 });
const bytes = fc.uint8Array({ maxLength: 300 });
const json = fc.dictionary(name, fc.jsonValue());

/** As a WebSocket with `binaryType` "arraybuffer" hands it over. */
function arrived(data: FrameData | null): unknown {
  return data instanceof Uint8Array ? Uint8Array.from(data).buffer : data;
}

/** What JSON makes of it: no `-0`, no prototype. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? value : JSON.parse(JSON.stringify(value));
}

test("the server reads what the client writes", () => {
  fc.assert(
    fc.property(fc.option(ref), ref, name, name, fc.oneof(json, bytes), (joinRef, ownRef, topic, event, payload) => {
      const frame = encode({ joinRef, ref: ownRef, topic, event, payload: encodePayload(payload) });
      const message = serializerV2.decode(frame);
      const noRef = payload instanceof Uint8Array ? "" : null;
      expect(message).toMatchObject({ joinRef: joinRef ?? noRef, ref: ownRef, topic, event });
      expect(message.payload).toEqual(plain(payload));
    }),
  );
});

describe("the client reads what the server writes:", () => {
  const payload = fc.oneof(json, bytes);

  test("pushes", () => {
    fc.assert(
      fc.property(ref, name, name, payload, (joinRef, topic, event, sent) => {
        const read = decode(arrived(serializerV2.encodePush(joinRef, null, topic, event, sent)));
        const known = sent instanceof Uint8Array && joinRef === "" ? null : joinRef;
        expect(read).toEqual({ joinRef: known, ref: null, topic, event, payload: plain(sent) });
      }),
    );
  });

  test("replies", () => {
    fc.assert(
      fc.property(
        ref,
        ref,
        name,
        fc.constantFrom("ok", "error", "queued"),
        payload,
        (joinRef, own, topic, status, sent) => {
          const read = decode(arrived(serializerV2.encodeReply(joinRef, own, topic, status, sent)));
          expect(read).toMatchObject({ ref: own, topic, event: "phx_reply", payload: { status } });
          expect((read.payload as { readonly response: unknown }).response).toEqual(plain(sent));
        },
      ),
    );
  });

  test("broadcasts", () => {
    fc.assert(
      fc.property(name, name, payload, (topic, event, sent) => {
        const read = decode(arrived(serializerV2.encodeBroadcast(topic, event, sent)));
        expect(read).toEqual({ joinRef: null, ref: null, topic, event, payload: plain(sent) });
      }),
    );
  });

  test("and throws for everything else, and never anything else", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), bytes, fc.anything()), (data) => {
        try {
          const { topic, event } = decode(arrived(data as FrameData));
          expect([typeof topic, typeof event]).toEqual(["string", "string"]);
        } catch (error) {
          expect(error).toMatchObject({ name: "FrameError" });
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

test("names too long for a binary header are refused", () => {
  const long = "é".repeat(128);
  const message = { joinRef: "1", ref: "2", topic: long, event: "e", payload: Uint8Array.of(1) };
  expect(() => encode(message)).toThrow(RangeError);
  expect(encode({ ...message, payload: "{}" })).toBe(`["1","2","${long}","e",{}]`);
});
