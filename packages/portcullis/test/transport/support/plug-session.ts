/** What Plug does, written from its documentation with nothing of ours in it, and what it was recorded to have made. */
import { createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";

/** A session cookie and a page's token as a real Phoenix sent them, and what it then showed of the session. */
export interface RecordedSession {
  /** Header and payload of the cookie: what its signature covers. */
  readonly signed: string;
  readonly term: Buffer;
  readonly state: string;
  readonly token: string;
}

interface Event {
  readonly dir: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly body?: string;
  readonly data?: string;
}

/** From the recordings of the two HTTP servers. */
export const recordedSessions: readonly RecordedSession[] = ["", "bandit/"].map((folder) => {
  const file = new URL(`../../../../../conformance/recordings/${folder}connect-info.json`, import.meta.url);
  const { events } = JSON.parse(readFileSync(file, "utf8")) as { events: Event[] };
  const answer = events.find(({ dir }) => dir === "http_res");
  const cookie = /^_hello_key=([^;]*)/.exec(String(answer?.headers?.["set-cookie"]))?.[1] ?? "";
  const signed = cookie.slice(0, cookie.lastIndexOf("."));
  const state = events
    .map(({ data }) => /session: %\{.{0,9}_csrf_token.{0,20}? => \\+"([\w-]{24})/.exec(data ?? "")?.[1])
    .find((found) => found !== undefined);
  if (answer?.body === undefined || state === undefined) throw new Error("The recording holds no session.");
  const term = Buffer.from(signed.slice(signed.indexOf(".") + 1), "base64url");
  return { signed, term, state, token: answer.body };
});

/** Plug.Crypto.KeyGenerator with the cookie store's defaults. */
export function plugKey(secretKeyBase: string, salt: string): Buffer {
  return pbkdf2Sync(secretKeyBase, salt, 1000, 32, "sha256");
}

/** Plug.Crypto.MessageVerifier.sign over the bytes of a term. */
export function plugSign(term: Uint8Array, key: Buffer): string {
  const signed = `SFMyNTY.${Buffer.from(term).toString("base64url")}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** Plug.Crypto.MessageEncryptor.encrypt over the bytes of a term. */
export function plugEncrypt(term: Uint8Array, key: Buffer): string {
  const iv = randomBytes(24);
  const sealed = Buffer.from(xchacha20poly1305(key, iv, Buffer.from("A128GCM")).encrypt(term));
  const bytes = Buffer.concat([iv, sealed.subarray(-16), sealed.subarray(0, -16)]);
  return `XCP.${bytes.toString("base64url")}`;
}

/** `:erlang.term_to_binary` of a map of strings, in the order given. */
export function plugTerm(entries: readonly (readonly [string, string])[]): Buffer {
  const binary = (text: string): Buffer => {
    const bytes = Buffer.from(text);
    const head = Buffer.from([109, 0, 0, 0, 0]);
    head.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([head, bytes]);
  };
  const head = Buffer.from([131, 116, 0, 0, 0, entries.length]);
  return Buffer.concat([head, ...entries.flat().map(binary)]);
}
