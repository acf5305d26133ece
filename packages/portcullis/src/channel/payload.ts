/**
 * Checking what a client sent against a schema, without ever showing the value again.
 *
 * @module
 */

import { isThenable, reply } from "../outcome.ts";
import { reasons } from "../protocol/events.ts";
import type { Schema } from "./contract.ts";

/** What a client is told of a payload that does not fit: where and why, never the value. */
export interface PayloadRefusal {
  readonly reason: string;
  readonly issues: readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
}

/** The outcome of a check. */
export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly refusal: PayloadRefusal; readonly reply: unknown };

const issuesMax = 20;

/** Checks `value`. A promise only where the schema's own check is one. */
export function checkPayload(schema: Schema, value: unknown): Checked | Promise<Checked> {
  const result = schema["~standard"].validate(value);
  return isThenable(result)
    ? Promise.resolve(result as PromiseLike<Result>).then(toChecked)
    : toChecked(result as Result);
}

type Result = Awaited<ReturnType<Schema["~standard"]["validate"]>>;

function toChecked(result: Result): Checked {
  if (result.issues === undefined) return { ok: true, value: result.value };
  const issues = result.issues.slice(0, issuesMax).map((issue) => ({
    path: (issue.path ?? []).map((part) => toKey(typeof part === "object" ? part.key : part)),
    message: issue.message,
  }));
  const refusal = { reason: reasons.invalidPayload, issues };
  return { ok: false, refusal, reply: reply("error", refusal) };
}

function toKey(key: PropertyKey): string | number {
  return typeof key === "symbol" ? String(key) : key;
}
