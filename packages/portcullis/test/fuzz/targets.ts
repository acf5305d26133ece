/** Everything that reads what strangers send, with what it reads when all is well. */

import { FrameError } from "../../src/protocol/frame.ts";
import { serializers } from "../../src/protocol/serializer.ts";
import { Envelopes } from "../../src/pubsub/envelope.ts";
import { parseQuery } from "../../src/socket/params.ts";
import { decodeTerm } from "../../src/token/etf-decode.ts";
import { encodeTerm } from "../../src/token/etf-encode.ts";
import { DerivedKeys } from "../../src/token/key.ts";
import { SecretRing } from "../../src/token/ring.ts";
import { createTokens } from "../../src/token/token.ts";
import { readSubprotocols } from "../../src/transport/credential.ts";
import { readFrames } from "../../src/transport/longpoll-body.ts";
import { parseOrigin } from "../../src/transport/origin.ts";

export interface Target {
  readonly name: string;
  readonly sources: readonly Buffer[];
  /** Throws only what nobody expects. */
  readonly read: (input: Buffer) => void;
}

const secretKeyBase = "s".repeat(64);
const tokens = createTokens({ secretKeyBase, now: () => 1_700_000_000_000 });
const envelopes = new Envelopes(new DerivedKeys(new SecretRing(secretKeyBase), 8));
const termBounds = { termBytesMax: 65_536, depthMax: 64, elementsMax: 4_096 };
const text = [
  '["1","1","room:1","phx_join",{}]',
  '{"topic":"t","event":"e","payload":{},"ref":"1"}',
  "[[[[{}]]]]",
  "null",
];
const push = Buffer.from([0, 1, 1, 4, 4, 49, 49, 101, 99, 104, 111, 101, 99, 104, 111, 1, 2, 3]);
const bytes = (sources: readonly string[]): readonly Buffer[] => sources.map((source) => Buffer.from(source));

function mayThrowFrameError(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
  }
}

export const targets: readonly Target[] = [
  {
    name: "V1 frames",
    sources: bytes(text),
    read: (input) => mayThrowFrameError(() => serializers.v1.decode(input.toString())),
  },
  {
    name: "V2 text frames",
    sources: bytes(text),
    read: (input) => mayThrowFrameError(() => serializers.v2.decode(input.toString())),
  },
  {
    name: "V2 binary frames",
    sources: [push, Buffer.alloc(5)],
    read: (input) => mayThrowFrameError(() => serializers.v2.decode(input)),
  },
  {
    name: "terms",
    sources: [{ user: "1", list: [1, 2.5, null, "ä"] }, ["a", 2n ** 80n, new Map([[1, true]])], "x".repeat(300)].map(
      (term) => Buffer.from(encodeTerm(term, termBounds)),
    ),
    read: (input) => void decodeTerm(input, termBounds),
  },
  {
    name: "tokens",
    sources: bytes([tokens.sign("s", { user: "1", list: [1, 2.5, null, "ä"] }), tokens.encrypt("s", "x"), "a.b.c"]),
    read(input) {
      const token = input.toString("latin1");
      tokens.verify("s", token);
      tokens.decrypt("s", token);
    },
  },
  {
    name: "origins",
    sources: bytes(["https://example.com", "//*.example.com:8443", "null", "https://a@b.c", "http://[::1]:80"]),
    read: (input) => void parseOrigin(input.toString()),
  },
  {
    name: "query strings",
    sources: bytes(["vsn=2.0.0&token=a.b.c", "a[b][]=1&a[b][c]=2&a=%ZZ", "a[[]]=1&__proto__[x]=1"]),
    read: (input) => void parseQuery(input.toString(), { paramsMax: 250, depthMax: 10 }),
  },
  {
    name: "subprotocols",
    sources: bytes(["phoenix, base64url.bearer.phx.YWJj", ",,,, base64url.bearer.phx.", "chat, portcullis.explain"]),
    read: (input) => void readSubprotocols(input.toString(), 8_192),
  },
  {
    name: "long-poll bodies",
    sources: bytes([`${text[0]}\n${push.toString("base64")}\n${text[0]}\n`, "\n\n\n", `[]\n${"AAAA".repeat(8)}`]),
    read: (input) => void readFrames(input, "application/x-ndjson", { frameBytesMax: 1_024, batchMax: 100 }),
  },
  {
    name: "messages between nodes",
    sources: bytes([
      envelopes.seal("n", { kind: "broadcast", topic: "t", event: "e", payload: { a: 1 } }),
      envelopes.seal("n", { kind: "broadcast", topic: "t", event: "e", payload: new Uint8Array([1, 2]) }),
      envelopes.seal("n", { kind: "control", message: { kind: "disconnect", id: "users:1" } }),
    ]),
    read: (input) => void envelopes.open(input.toString()),
  },
];
