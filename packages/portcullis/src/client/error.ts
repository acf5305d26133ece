/**
 * What a join and a push reject with. Neither ever holds a payload that was sent, or a token.
 *
 * @module
 */

/**
 * `refused`: the server said no, and `reason` is its word. `timeout`: it said nothing in time. `closed`: there is, or will be,
 * nobody to answer: left, signed out, disconnected; `reason` tells. `overflow`: more pushes wait for the join than may.
 */
export type FailureCode = "refused" | "timeout" | "closed" | "overflow";

/** What a failure is made of. */
export interface Failure {
  readonly code: FailureCode;
  readonly reason: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A join that failed. The channel is closed; joining again is up to the program. */
export class ChannelError extends Error {
  override readonly name = "ChannelError";
  readonly code: FailureCode;
  /** The server's reason, or what happened instead. */
  readonly reason: string;
  /** What the server said besides the reason. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(topic: string, { code, reason, details }: Failure) {
    super(`Joining "${topic}" failed (${code}): ${reason}`);
    this.code = code;
    this.reason = reason;
    this.details = details ?? {};
  }
}

/** A push, or a refresh of the credential, that failed. Whether it was handled is known for `refused` alone. */
export class PushError extends Error {
  override readonly name = "PushError";
  readonly code: FailureCode;
  /** The server's reason, or what happened instead. */
  readonly reason: string;
  /** What the server said besides the reason. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(what: string, { code, reason, details }: Failure) {
    super(`${what} failed (${code}): ${reason}`);
    this.code = code;
    this.reason = reason;
    this.details = details ?? {};
  }
}

/** The failure an error reply tells of: `{...details, "reason": reason}`, or bytes. */
export function toFailure(response: unknown): Failure {
  if (response instanceof Uint8Array) return { code: "refused", reason: "refused", details: { bytes: response } };
  const { reason, ...details } = isRecord(response) ? response : { response };
  return { code: "refused", reason: typeof reason === "string" ? reason : "refused", details };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
