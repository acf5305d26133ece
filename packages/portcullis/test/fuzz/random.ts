/** Random bytes that are the same for the same seed, on every machine. */

/** mulberry32: small, fast, and the same everywhere. */
export function random(state: number): () => number {
  let value = state;
  return () => {
    value = (value + 0x6d2b79f5) | 0;
    let mixed = Math.imul(value ^ (value >>> 15), 1 | value);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A source with a few bytes changed, cut short, doubled in part, or nothing of it left. */
export function mutate(source: Buffer, next: () => number): Buffer {
  const bytes = Buffer.from(source);
  const changes = 1 + Math.floor(next() * 4);
  for (let change = 0; change < changes && bytes.length > 0; change += 1) {
    bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
  }
  const kind = next();
  if (kind < 0.1) return bytes.subarray(0, Math.floor(next() * bytes.length));
  if (kind < 0.2) return Buffer.concat([bytes, bytes.subarray(0, Math.floor(next() * bytes.length))]);
  if (kind < 0.3) return Buffer.from(Array.from({ length: Math.floor(next() * 40) }, () => Math.floor(next() * 256)));
  return bytes;
}
