/**
 * What signed and encrypted tokens have in common: a salt, an age, and a subject in what they hold.
 *
 * @module
 */

import { type Rejection, reject } from "../outcome.ts";
import { tokenId } from "../token/token.ts";
import type { AuthenticateRequest, Authenticator, Identity } from "./authenticator.ts";

/** How each kind of token is read. */
const reads = { signedToken: "verify", encryptedToken: "decrypt" } as const;

interface AgeOptions {
  readonly salt: string;
  readonly maxAgeSeconds: number;
  readonly clockSkewMs?: number;
}

export function tokenAuthenticator(
  authenticator: keyof typeof reads,
  options: AgeOptions,
): Authenticator<Identity | Rejection<"missing" | "invalid" | "expired">> {
  const { salt, maxAgeSeconds, clockSkewMs = 2_000 } = options;
  if (typeof salt !== "string" || salt === "")
    throw new TypeError(`Expected \`salt\` of ${authenticator} to be a non-empty string.`);
  if (!(maxAgeSeconds > 0)) {
    throw new TypeError(
      `Expected \`maxAgeSeconds\` of ${authenticator} to be a positive number of seconds, got ${String(maxAgeSeconds)}. Write Infinity if tokens are never to lapse.`,
    );
  }
  const read = reads[authenticator];
  const authenticate = ({ credential, tokens }: AuthenticateRequest) => {
    const token = tokens[read](salt, credential, { maxAgeSeconds, clockSkewMs });
    if (!token.ok) return reject(token.reason);
    const subject = subjectOf(token.data);
    if (subject === null || credential === null) return reject("invalid");
    return {
      authenticator,
      issuer: null,
      tenant: null,
      subject,
      claims: token.data,
      tokenId: tokenId(credential),
      keyId: token.keyId,
      issuedAt: token.signedAt,
      expiresAt: token.expiresAt,
    };
  };
  // One that was made by a clock ahead of this one lives as much longer.
  return Object.assign(authenticate, { maxAgeMs: maxAgeSeconds * 1_000 + clockSkewMs });
}

/** The subject in what a token of ours holds; `null` without one. */
function subjectOf(data: unknown): string | null {
  if (typeof data === "string") return data === "" ? null : data;
  if (typeof data === "bigint" || (typeof data === "number" && Number.isInteger(data))) return String(data);
  if (typeof data !== "object" || data === null) return null;
  for (const key of ["sub", "subject", "user_id", "userId", "id"]) {
    const value =
      data instanceof Map
        ? data.get(key)
        : Object.hasOwn(data, key)
          ? (data as Record<string, unknown>)[key]
          : undefined;
    if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") return subjectOf(value);
  }
  return null;
}
