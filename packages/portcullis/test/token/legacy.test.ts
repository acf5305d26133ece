/** The older AES-GCM form of encrypted tokens: read as recorded, refused when anything in it was changed. */

import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { decryptMessage } from "../../src/token/encryptor.ts";
import { loadVectors } from "./vector-terms.ts";

const vector = loadVectors("tokens.json").encrypt_legacy_a128gcm;
const key = Buffer.from(vector.derived_key_hex, "hex");
const parts = vector.token.split(".");

function seal(sealingKey: Uint8Array, iv: Uint8Array, text: Uint8Array, associatedData: string): Buffer[] {
  const bits = sealingKey.length * 8;
  const cipher = createCipheriv(`aes-${bits as 128 | 192 | 256}-gcm`, sealingKey, iv);
  cipher.setAAD(Buffer.from(associatedData));
  return [Buffer.concat([cipher.update(text), cipher.final()]), cipher.getAuthTag()];
}

/** A token in the older form under the recorded key. */
function legacyToken(contentKey: Uint8Array, ivBytes = 12, tagBytes = 16): string {
  const wrappingIv = Buffer.alloc(12, 1);
  const iv = Buffer.alloc(ivBytes, 2);
  const wrapped = Buffer.concat([...seal(key, wrappingIv, contentKey, ""), wrappingIv]);
  const [text, tag] = seal(contentKey, iv, Buffer.from("message"), "A128GCM");
  const encoded = [wrapped, iv, text, tag?.subarray(0, tagBytes)].map((part) => part?.toString("base64url"));
  return ["QTEyOEdDTQ", ...encoded].join(".");
}

describe("the older form", () => {
  test.each([16, 24, 32])("is read with a content key of %i bytes", (contentKeyBytes) => {
    expect(decryptMessage(legacyToken(Buffer.alloc(contentKeyBytes, 3)), key)).toEqual(Buffer.from("message"));
  });

  test("any bit changed, in any byte of any part, makes it invalid", () => {
    expect(decryptMessage(vector.token, key)).toBeDefined();
    for (const [index, part] of parts.entries()) {
      const bytes = Buffer.from(part, "base64url");
      for (let position = 0; position < bytes.length * 8; position++) {
        const changed = Buffer.from(bytes);
        changed[position >> 3] = (changed[position >> 3] ?? 0) ^ (1 << (position & 7));
        expect(decryptMessage(parts.with(index, changed.toString("base64url")).join("."), key)).toBeUndefined();
      }
    }
  });

  test("any part shortened, emptied, left out or added makes it invalid", () => {
    for (const [index, part] of parts.entries()) {
      const shortened = Buffer.from(part, "base64url").subarray(0, -1).toString("base64url");
      expect(decryptMessage(parts.with(index, shortened).join("."), key)).toBeUndefined();
      expect(decryptMessage(parts.with(index, "").join("."), key)).toBeUndefined();
      expect(decryptMessage(parts.toSpliced(index, 1).join("."), key)).toBeUndefined();
      expect(decryptMessage(parts.toSpliced(index, 0, "").join("."), key)).toBeUndefined();
    }
    expect(decryptMessage(`${vector.token}.`, key)).toBeUndefined();
    expect(decryptMessage(`${vector.token}.AAAA`, key)).toBeUndefined();
  });

  test("a genuine tag that was cut to what GCM would still take is refused", () => {
    const contentKey = Buffer.alloc(16, 3);
    for (const tagBytes of [4, 8, 12, 15])
      expect(decryptMessage(legacyToken(contentKey, 12, tagBytes), key)).toBeUndefined();
  });

  test("another length of iv is refused, though GCM would take it", () => {
    expect(decryptMessage(legacyToken(Buffer.alloc(16, 3), 16), key)).toBeUndefined();
  });

  test("another key is refused, of any length", () => {
    for (const length of [0, 15, 16, 24, 32, 64])
      expect(decryptMessage(vector.token, Buffer.alloc(length))).toBeUndefined();
  });
});
