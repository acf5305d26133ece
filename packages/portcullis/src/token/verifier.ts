/** Signed messages, `<header>.<payload>.<signature>`, as Plug.Crypto's message verifier writes and reads them. */

import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { fromBase64url, toBase64url } from "./base64url.ts";

/** Digest of the signature. */
export type SignatureDigest = "sha256" | "sha384" | "sha512";

/** Base64url of HS256, HS384 and HS512. Any other header, such as `none`, isn't a signed message. */
const HEADERS: Readonly<Record<SignatureDigest, string>> = { sha256: "SFMyNTY", sha384: "SFMzODQ", sha512: "SFM1MTI" };
const DIGESTS: ReadonlyMap<string, SignatureDigest> = new Map([
  [HEADERS.sha256, "sha256"],
  [HEADERS.sha384, "sha384"],
  [HEADERS.sha512, "sha512"],
]);

/** Signs a message. */
export function signMessage(message: Uint8Array, key: KeyObject, digest: SignatureDigest = "sha256"): string {
  const signed = `${HEADERS[digest]}.${toBase64url(message)}`;
  return `${signed}.${createHmac(digest, key).update(signed).digest("base64url")}`;
}

/** A signed message taken apart; nothing in it is believed yet. */
export interface SignedParts {
  readonly digest: SignatureDigest;
  /** Header and payload as they were received: what the signature covers. */
  readonly signed: string;
  readonly payload: string;
  readonly signature: Buffer;
}

/** Takes a signed message apart without decoding its payload; `undefined` when it isn't one. */
export function splitMessage(text: string): SignedParts | undefined {
  const headerEnd = text.indexOf(".");
  const payloadEnd = text.indexOf(".", headerEnd + 1);
  if (headerEnd === -1 || payloadEnd === -1) return undefined;
  const digest = DIGESTS.get(text.slice(0, headerEnd));
  // A fourth part falls here: base64 has no dot.
  const signature = fromBase64url(text.slice(payloadEnd + 1));
  if (digest === undefined || signature === undefined) return undefined;
  return { digest, signed: text.slice(0, payloadEnd), payload: text.slice(headerEnd + 1, payloadEnd), signature };
}

/** Whether the signature is this key's. The comparison takes the same time wherever the first difference is. */
export function isSignedBy(parts: SignedParts, key: KeyObject): boolean {
  const expected = createHmac(parts.digest, key).update(parts.signed).digest();
  return expected.length === parts.signature.length && timingSafeEqual(expected, parts.signature);
}

/** The message, when its signature is this key's; `undefined` otherwise. The payload is decoded only after that. */
export function verifyMessage(text: string, key: KeyObject): Buffer | undefined {
  const parts = splitMessage(text);
  return parts !== undefined && isSignedBy(parts, key) ? fromBase64url(parts.payload) : undefined;
}
