import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("../page/src/style/tokens.css", import.meta.url), "utf8");
const colours = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, ...pair]) => [name, pair]),
);

/** Text and what it stands on, as the style sheets use them. */
const texts = [
  ["ink", "paper"],
  ["ink", "surface"],
  ["ink", "sunk"],
  ["ink", "pass-wash"],
  ["muted", "paper"],
  ["muted", "surface"],
  ["muted", "sunk"],
  ["accent", "paper"],
  ["accent", "surface"],
  ["accent", "sunk"],
  ["on-primary", "primary"],
  ["pass", "surface"],
  ["pass", "sunk"],
  ["pass", "pass-wash"],
  ["refuse", "surface"],
  ["refuse", "refuse-wash"],
] as const;

/** What has to be seen, but not read. */
const shapes = [
  ["edge", "surface"],
  ["edge", "paper"],
  ["iron", "beyond-top"],
  ["accent", "paper"],
] as const;

describe.each([0, 1])("colours of scheme %i (0 light, 1 dark)", (scheme) => {
  const contrast = (one: string, other: string) => {
    const [lighter, darker] = [one, other].map((name) => luminance(colours.get(name)?.[scheme])).sort((a, b) => b - a);
    return ((lighter ?? 0) + 0.05) / ((darker ?? 0) + 0.05);
  };

  it.each(texts)("%s on %s can be read (WCAG 1.4.3: 4.5)", (text, ground) => {
    expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(shapes)("%s on %s can be seen (WCAG 1.4.11: 3)", (shape, ground) => {
    expect(contrast(shape, ground)).toBeGreaterThanOrEqual(3);
  });
});

function luminance(colour: string | undefined): number {
  if (colour === undefined) throw new Error("There is no such colour in tokens.css.");
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const value = Number.parseInt(colour.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
