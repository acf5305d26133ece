/** Base64url as Elixir's Base.url_decode64(padding: false) takes it. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBase64url, toBase64url } from "../../src/token/base64url.ts";

test.each([
  "A",
  "AAAAA",
  "=",
  "==",
  "A=",
  "AA=",
  "AAA==",
  "AAAA=",
  "AAAA==",
  "AA===",
  "=AAA",
  "A=AA",
  "AA=A",
  "A+AA",
  "A/AA",
  "AA\n",
  "AA A",
  "AAÄA",
  "AA.A",
])("%j is refused", (text) => {
  expect(fromBase64url(text)).toBeUndefined();
});

test.each(["", "AA", "AAA", "AAAA", "AA==", "AAA=", "-_-_", "AB"])("%j is taken", (text) => {
  expect(fromBase64url(text)).toEqual(Buffer.from(text, "base64url"));
});

test("any bytes come back, padded or not", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = toBase64url(bytes);
      expect(text).not.toContain("=");
      expect(fromBase64url(text)).toEqual(Buffer.from(bytes));
      expect(fromBase64url(text.padEnd(Math.ceil(text.length / 4) * 4, "="))).toEqual(Buffer.from(bytes));
    }),
  );
});
