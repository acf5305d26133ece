/**
 * Encrypted messages as Plug.Crypto's message encryptor writes them, `XCP.` with XChaCha20-Poly1305
 * (draft-irtf-cfrg-xchacha), and the older `QTEyOEdDTQ.` with AES-GCM, which is read but no longer written.
 */

import { createDecipheriv } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { fromBase64url, toBase64url } from "./base64url.ts";

const PREFIX = "XCP.";
const LEGACY_PREFIX = "QTEyOEdDTQ.";
const IV_BYTES = 24;
const TAG_BYTES = 16;
const ASSOCIATED_DATA: Uint8Array = Buffer.from("A128GCM");
const LEGACY_IV_BYTES = 12;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Bytes of the key that encryption takes, no fewer and no more. */
export const ENCRYPTION_KEY_BYTES = 32;
/** Bytes of the random `iv` of one message. */
export const ENCRYPTION_IV_BYTES: number = IV_BYTES;

/** Encrypts a message under a 32-byte key. The 24 bytes of `iv` must be random, never used twice. */
export function encryptMessage(message: Uint8Array, key: Uint8Array, iv: Uint8Array): string {
  // The cipher appends the tag; on the wire it stands before the text.
  const sealed = xchacha20poly1305(key, iv, ASSOCIATED_DATA).encrypt(message);
  const textEnd = sealed.length - TAG_BYTES;
  return PREFIX + toBase64url(Buffer.concat([iv, sealed.subarray(textEnd), sealed.subarray(0, textEnd)]));
}

/** Decrypts either form; `undefined` for everything that this key didn't encrypt. */
export function decryptMessage(text: string, key: Uint8Array): Uint8Array | undefined {
  if (text.startsWith(PREFIX)) return decryptXChaCha(text.slice(PREFIX.length), key);
  if (text.startsWith(LEGACY_PREFIX)) return decryptLegacy(text.slice(LEGACY_PREFIX.length), key);
  return undefined;
}

function decryptXChaCha(encoded: string, key: Uint8Array): Uint8Array | undefined {
  const bytes = fromBase64url(encoded);
  if (bytes === undefined || bytes.length < IV_BYTES + TAG_BYTES) return undefined;
  const iv = bytes.subarray(0, IV_BYTES);
  const tag = bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
  try {
    const sealed = Buffer.concat([bytes.subarray(IV_BYTES + TAG_BYTES), tag]);
    return xchacha20poly1305(key, iv, ASSOCIATED_DATA).decrypt(sealed);
  } catch {
    return undefined;
  }
}

/** `<wrapped key>.<iv>.<text>.<tag>`: the message has a key of its own, wrapped by ours (RFC 7518 section 4.7). */
function decryptLegacy(encoded: string, key: Uint8Array): Uint8Array | undefined {
  // One part more than there may be, so that a token of nothing but dots isn't taken apart to its end.
  const parts = encoded.split(".", 5).map(fromBase64url);
  const [wrapped, iv, text, tag] = parts;
  if (parts.length !== 4 || wrapped === undefined || iv === undefined || text === undefined || tag === undefined)
    return undefined;
  const wrappedKeyEnd = wrapped.length - TAG_BYTES - LEGACY_IV_BYTES;
  if (wrappedKeyEnd < 0) return undefined;
  const contentKey = openGcm(
    key,
    wrapped.subarray(wrappedKeyEnd + TAG_BYTES),
    wrapped.subarray(0, wrappedKeyEnd),
    wrapped.subarray(wrappedKeyEnd, wrappedKeyEnd + TAG_BYTES),
    NOTHING,
  );
  return contentKey === undefined ? undefined : openGcm(contentKey, iv, text, tag, ASSOCIATED_DATA);
}

function openGcm(
  key: Uint8Array,
  iv: Uint8Array,
  text: Uint8Array,
  tag: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array | undefined {
  const algorithm = gcmOf(key);
  // A shorter tag would be easier to guess; Node takes one unless told not to.
  if (algorithm === undefined || iv.length !== LEGACY_IV_BYTES || tag.length !== TAG_BYTES) return undefined;
  const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(tag);
  decipher.setAAD(associatedData);
  try {
    return Buffer.concat([decipher.update(text), decipher.final()]);
  } catch {
    return undefined;
  }
}

function gcmOf(key: Uint8Array): "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm" | undefined {
  switch (key.length) {
    case 16:
      return "aes-128-gcm";
    case 24:
      return "aes-192-gcm";
    case 32:
      return "aes-256-gcm";
    default:
      return undefined;
  }
}
