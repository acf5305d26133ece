/**
 * Paths with variables: `/info/:tenant/ws/:sub`.
 *
 * @module
 */

import { definitionError } from "../errors.ts";
import { bareRecord, emptyRecord } from "../record.ts";

/** Matches a request's path and returns its variables, or `null`. */
export type PathMatcher = (segments: readonly string[]) => Readonly<Record<string, string>> | null;

/** Segments of a path; empty ones don't count, so `//socket//websocket` is `/socket/websocket`, as in Plug. */
export function splitPath(path: string): readonly string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/**
 * Compiles a mount's path.
 *
 * @throws PortcullisError `definition_invalid` for a variable without a name.
 */
export function compilePath(path: string): PathMatcher {
  const pattern = splitPath(path).map((segment) => {
    if (segment === ":") throw definitionError(`Expected ":" in the path ${path} to be followed by a name.`);
    return segment.startsWith(":") ? { name: segment.slice(1), literal: null } : { name: null, literal: segment };
  });
  const hasVariables = pattern.some(({ name }) => name !== null);
  return (segments) => {
    if (segments.length !== pattern.length) return null;
    const variables: Record<string, string> = hasVariables ? bareRecord() : emptyRecord;
    for (let index = 0; index < pattern.length; index += 1) {
      const { name, literal } = pattern[index] as { name: string | null; literal: string | null };
      const segment = segments[index] as string;
      if (name !== null) variables[name] = decode(segment);
      else if (segment !== literal) return null;
    }
    return variables;
  };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
