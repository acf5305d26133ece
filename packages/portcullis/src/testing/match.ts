/**
 * Saying what a message should look like: a part of it, a function that says yes, or a schema.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { isThenable } from "../outcome.ts";
import { brief } from "./brief.ts";

/** A function that says whether a value is what was meant. What it throws is a no. */
export type Predicate<Value> = (value: Value) => unknown;

/**
 * A part of `Value`: keys that are left out may hold anything, lists have to have the same length. In place of any value may
 * stand a function that says whether it fits, of a text a regular expression.
 */
export type Pattern<Value> = unknown extends Value
  ? AnyPattern
  : Value extends Uint8Array
    ? Uint8Array | Predicate<Value>
    : Value extends string
      ? Value | RegExp | Predicate<Value>
      : Value extends readonly unknown[]
        ? { readonly [Index in keyof Value]: Pattern<Value[Index]> } | Predicate<Value>
        : Value extends object
          ? { readonly [Key in keyof Value]?: Pattern<Value[Key]> } | Predicate<Value>
          : Value | Predicate<Value>;

type AnyPattern = object | string | number | boolean | null | undefined | Predicate<unknown>;

/** What an assertion takes: a pattern, or any Standard Schema that checks at once. */
export type Match<Value> = Pattern<Value> | StandardSchemaV1;

/** What keeps `value` from fitting `match`, in words; `null` when it fits. */
export function mismatch(value: unknown, match: unknown): string | null {
  if (isSchema(match)) return schemaMismatch(value, match);
  return patternMismatch(value, match, "");
}

/** As it is shown in a failure. */
export function describeMatch(match: unknown): string {
  if (isSchema(match)) return `what fits a schema of ${match["~standard"].vendor}`;
  if (typeof match === "function") return `what fits ${match.name === "" ? "a function" : match.name}`;
  return brief(match);
}

function isSchema(match: unknown): match is StandardSchemaV1 {
  return match !== null && (typeof match === "object" || typeof match === "function") && "~standard" in match;
}

function schemaMismatch(value: unknown, schema: StandardSchemaV1): string | null {
  const result = schema["~standard"].validate(value);
  if (isThenable(result)) throw new TypeError("Expected a schema that checks at once, got one that returns a promise.");
  const [issue] = (result as StandardSchemaV1.Result<unknown>).issues ?? [];
  if (issue === undefined) return null;
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return at(path.map((part) => `.${part}`).join(""), issue.message);
}

function patternMismatch(value: unknown, pattern: unknown, path: string): string | null {
  if (typeof pattern === "function") return predicateMismatch(value, pattern as Predicate<unknown>, path);
  const said = at(path, `expected ${brief(pattern)}, got ${brief(value)}`);
  if (pattern instanceof RegExp) return typeof value === "string" && pattern.test(value) ? null : said;
  // `expect.any(String)` and its like, of every runner that has them.
  if (hasAsymmetricMatch(pattern)) return pattern.asymmetricMatch(value) ? null : said;
  if (Array.isArray(pattern)) {
    if (!Array.isArray(value) || value.length !== pattern.length) return said;
    return first(pattern.map((item, index) => patternMismatch(value[index], item, `${path}[${index}]`)));
  }
  if (!isPlain(pattern)) return isDeepStrictEqual(toBytes(value), toBytes(pattern)) ? null : said;
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) return said;
  return first(
    Object.keys(pattern).map((key) => {
      const inner: unknown = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
      return patternMismatch(inner, pattern[key], `${path}.${key}`);
    }),
  );
}

function predicateMismatch(value: unknown, predicate: Predicate<unknown>, path: string): string | null {
  try {
    return predicate(value) ? null : at(path, `the function said no to ${brief(value)}`);
  } catch (error) {
    return at(path, `the function threw ${error instanceof Error ? error.message : brief(error)}`);
  }
}

function first(problems: readonly (string | null)[]): string | null {
  return problems.find((problem) => problem !== null) ?? null;
}

function at(path: string, problem: string): string {
  return path === "" ? problem : `at ${path.replace(/^\./, "")}: ${problem}`;
}

function hasAsymmetricMatch(value: unknown): value is { asymmetricMatch(other: unknown): boolean } {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { readonly asymmetricMatch?: unknown }).asymmetricMatch === "function"
  );
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // One of another realm is as plain: runners give each test file one of its own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A `Buffer` holds the same as a `Uint8Array`. */
function toBytes(value: unknown): unknown {
  return value instanceof Uint8Array ? Uint8Array.from(value) : value;
}
