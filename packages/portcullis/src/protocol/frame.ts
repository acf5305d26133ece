/**
 * Pieces both serializers share: the refusal of a frame, and JSON that says no.
 *
 * @module
 */

/** A frame that is no message. Carries what was wrong with its shape, never what was in it. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Throws {@link FrameError} for bytes that are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new FrameError("Expected UTF-8 text in the frame, got other bytes.");
  }
}

/** Throws {@link FrameError} in place of a `SyntaxError`, whose message would quote the frame. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FrameError("Expected a JSON text frame, got text that is not JSON.");
  }
}

/** As `JSON.stringify`, but throws for what it would leave out without a word (`undefined`, functions, symbols). */
export function stringifyJson(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) {
    throw new TypeError(
      `Expected a value that JSON can hold, got ${typeof value}. Return an object, an array, a string, a number, a boolean or null.`,
    );
  }
  return text;
}

/** Throws unless `payload` is what pushes and broadcasts may carry: an object that is no array. */
export function assertPayload(payload: unknown): asserts payload is object {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    const got = payload === null ? "null" : Array.isArray(payload) ? "an array" : typeof payload;
    throw new TypeError(
      `Expected the payload of a push or broadcast to be an object or a Uint8Array, got ${got}. Wrap it: { items: [...] }.`,
    );
  }
}

/** Whether `value` nests deeper than `depthMax` objects and arrays. Never recurses deeper than that itself. */
export function isDeeperThan(value: unknown, depthMax: number): boolean {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  if (depthMax === 0) return true;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) {
    if (isDeeperThan(inner, depthMax - 1)) return true;
  }
  return false;
}

const encoder = new TextEncoder();

/** Whether `text` is longer than `bytesMax` bytes of UTF-8. Measures only where the length in UTF-16 leaves a doubt. */
export function isLongerThan(text: string, bytesMax: number): boolean {
  // Between one and three bytes a UTF-16 unit.
  if (text.length > bytesMax) return true;
  return text.length * 3 > bytesMax && encoder.encode(text).length > bytesMax;
}
