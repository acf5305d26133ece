/** Numbers with their units, as precise as such measurements deserve. */
import { significant } from "./figures.ts";

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Decimal megabytes, or less where that says nothing. */
export function bytesText(bytes: number): string {
  if (bytes >= 1_000_000) return `${significant(bytes / 1_000_000)} MB`;
  return bytes >= 10_000 ? `${significant(bytes / 1_000)} kB` : `${whole(bytes)} B`;
}

export function secondsText(ms: number): string {
  return `${significant(ms / 1_000)} s`;
}

export function milliseconds(us: number | null): string {
  return us === null ? "–" : `${significant(us / 1_000)} ms`;
}
