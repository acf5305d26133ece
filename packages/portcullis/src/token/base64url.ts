/** Base64url (RFC 4648 section 5) as Phoenix reads it: padding may be there or not, anything else out of place is refused. */

const BASE64URL = /^[A-Za-z0-9_-]*={0,2}$/;

/** Encodes without padding. */
export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}

/** Decodes with or without padding; `undefined` for a foreign character, line break or impossible length. */
export function fromBase64url(text: string): Buffer | undefined {
  // Node's own decoder skips what it doesn't know and takes both alphabets.
  if (!BASE64URL.test(text)) return undefined;
  const padded = text.endsWith("=");
  if (text.length % 4 === 1 || (padded && text.length % 4 !== 0)) return undefined;
  return Buffer.from(text, "base64url");
}
