/**
 * Checking what a client sent against a schema, without ever showing the value again.
 *
 * @module
 */

import { definitionError } from "../errors.ts";
import { reply, whenThere } from "../outcome.ts";
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

/**
 * Checks that `given` is a schema, when it is defined and not when somebody joins.
 *
 * @throws PortcullisError `definition_invalid`, with `where` it stands, unless it is one or `undefined`.
 */
export function assertSchema(where: string, given: Schema | undefined): void {
  if (given === undefined) return;
  const schema = given as Partial<Schema> | null;
  if (typeof schema?.["~standard"]?.validate === "function") return;
  throw definitionError(
    `Expected ${where} to be a Standard Schema, got ${schema === null ? "null" : typeof schema} without "~standard". ` +
      "Zod has it from 3.24 on, Valibot from 1.0, ArkType from 2.0.",
  );
}

/** Checks `value`. A promise only where the schema's own check is one. */
export function checkPayload(schema: Schema, value: unknown): Checked | Promise<Checked> {
  return whenThere<Result, Checked>(schema["~standard"].validate(value), (result) => toChecked(result, value));
}

type Result = Awaited<ReturnType<Schema["~standard"]["validate"]>>;

function toChecked(result: Result, value: unknown): Checked {
  if (result.issues === undefined) return { ok: true, value: result.value };
  const issues = result.issues.slice(0, issuesMax).map((issue) => {
    const path = (issue.path ?? []).map((part) => toKey(typeof part === "object" ? part.key : part));
    return { path, message: withoutValue(issue.message, valueAt(value, path)) };
  });
  const refusal = { reason: reasons.invalidPayload, issues };
  return { ok: false, refusal, reply: reply("error", refusal) };
}

function toKey(key: PropertyKey): string | number {
  return typeof key === "symbol" ? String(key) : key;
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string | number, unknown>>)[key];
  }
  return found;
}

/** Valibot, ArkType and others quote in their messages what they were given. */
function withoutValue(message: string, value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number") return message;
  const text = String(value);
  return text.length > message.length ? message : hide(hide(message, JSON.stringify(value)), text);
}

const wordCharacter = /[\p{L}\p{N}_]/u;

/** Puts an ellipsis in place of `shown` wherever it isn't part of a longer word. */
function hide(message: string, shown: string): string {
  if (shown === "") return message;
  const isWord = (at: number): boolean => wordCharacter.test(message.charAt(at));
  let hidden = "";
  let from = 0;
  for (let at = message.indexOf(shown); at !== -1; at = message.indexOf(shown, from)) {
    const end = at + shown.length;
    const partOfWord = (isWord(at) && isWord(at - 1)) || (isWord(end - 1) && isWord(end));
    hidden += message.slice(from, at) + (partOfWord ? shown : "…");
    from = end;
  }
  return hidden + message.slice(from);
}
