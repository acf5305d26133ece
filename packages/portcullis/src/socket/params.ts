/**
 * A query string as Plug reads it: the last of several equal keys counts, `a[]=1` is a list, `a[b]=1` a map, `+` is a
 * space, and a broken percent sign stands for itself.
 *
 * @module
 */

import { bareRecord } from "../record.ts";

/** Params of a connection: strings, lists and maps of them. They inherit nothing: any key is just a key. */
export interface Params {
  readonly [key: string]: Param;
}
export type Param = string | readonly Param[] | Params;

type Mutable = { [key: string]: Mutable | string | (Mutable | string)[] };

const emptyParams = (): Mutable => bareRecord() as Mutable;

/** Reads `query` (without the `?`); `null` when it has more params, or nests deeper, than allowed. */
export function parseQuery(
  query: string,
  limits: { readonly paramsMax: number; readonly depthMax: number },
): Params | null {
  const params = emptyParams();
  if (query === "") return params as Params;
  const pairs = query.split("&", limits.paramsMax + 1);
  if (pairs.length > limits.paramsMax) return null;
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const key = decode(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? "" : decode(pair.slice(equals + 1));
    const path = toPath(key);
    if (path.length > limits.depthMax) return null;
    assign(params, path, value);
  }
  return params as Params;
}

/** Always a text of its own: a slice would keep the whole query in memory, and the token in it. */
function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

/** `a[b][]` -> `["a", "b", ""]`. Anything that isn't well-formed is one plain key. */
function toPath(key: string): readonly string[] {
  const open = key.indexOf("[");
  if (open <= 0 || !key.endsWith("]")) return [key];
  const inner = key.slice(open + 1, -1).split("][");
  return inner.some((part) => part.includes("[") || part.includes("]")) ? [key] : [key.slice(0, open), ...inner];
}

function assign(root: Mutable, path: readonly string[], value: string): void {
  let target: Mutable = root;
  for (let index = 0; index < path.length; index += 1) {
    const key = path[index] as string;
    const next = path[index + 1];
    if (next === undefined) {
      target[key] = value;
      return;
    }
    if (next === "") {
      const present = target[key];
      const list = Array.isArray(present) ? present : [];
      // A list inside of a list has no use in a query: `a[][b]` keeps the value alone.
      list.push(value);
      target[key] = list;
      return;
    }
    const present = target[key];
    const map = typeof present === "object" && !Array.isArray(present) ? present : emptyParams();
    target[key] = map;
    target = map;
  }
}
