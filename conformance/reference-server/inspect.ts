// Prints values as Elixir's `inspect` does: the recorded application shows some of its terms as such text.

/** A value as a term: `null` as nil, objects as maps with string keys. */
export function inspect(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (typeof value === "string") return inspectString(value);
  if (Array.isArray(value)) return `[${value.map(inspect).join(", ")}]`;
  if (typeof value === "object") {
    const pairs = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
    return `%{${pairs.map(([key, inner]) => `${inspectString(key)} => ${inspect(inner)}`).join(", ")}}`;
  }
  return String(value);
}

/** A map with atom keys, or a struct; its values are printed already. */
export function inspectStruct(name: string, fields: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(fields).map(([key, printed]) => `${key}: ${printed}`);
  return `%${name}{${pairs.join(", ")}}`;
}

/** Header pairs as a list of tuples. */
export function inspectPairs(pairs: readonly (readonly [string, string])[]): string {
  return `[${pairs.map(([name, value]) => `{${inspectString(name)}, ${inspectString(value)}}`).join(", ")}]`;
}

/** An IPv4 address as a tuple of its bytes, any other as text. */
export function inspectAddress(address: string): string {
  const v4 = /(?:^|:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  return v4 === null ? inspectString(address) : `{${v4.slice(1).join(", ")}}`;
}

function inspectString(text: string): string {
  return JSON.stringify(text);
}
