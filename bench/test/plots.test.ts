/** The plots are pictures a browser takes, and say what they show. */
import { expect, test } from "vitest";
import { barChart, niceStep } from "../src/report/svg/bar-chart.ts";
import { element } from "../src/report/svg/element.ts";

test.each([
  [10, 2],
  [0.45, 0.1],
  [37_000, 10_000],
  [4.9, 1],
])("an axis up to %d has steps of %d", (most, step) => {
  expect(niceStep(most)).toBeCloseTo(step);
});

test("an element holds what would end it otherwise", () => {
  expect(element("a", { b: 'x"<&>' })).toBe('<a b="x&quot;&lt;&amp;&gt;"/>');
  expect(element("a", { b: 1.25 }, "c")).toBe('<a b="1.3">c</a>');
});

test("a bar chart has a title, an axis, and a label and a figure at every bar", () => {
  const svg = barChart({
    title: "Server CPU & more",
    panels: [
      {
        title: "Echo",
        axis: "µs each",
        bars: [
          { label: "ours", value: { median: 5, min: 4, max: 6 }, valueText: "5.00", ours: true },
          { label: "theirs", value: { median: 10, min: 9, max: 12 }, valueText: "10.0", ours: false },
        ],
      },
    ],
  });
  for (const part of ["Server CPU &amp; more", ">Echo<", ">µs each<", ">ours<", ">5.00<", ">theirs<", ">10.0<"]) {
    expect(svg).toContain(part);
  }
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(widths[1]).toBeCloseTo((widths[0] ?? 0) * 2, 0);
  expect(svg).toContain("prefers-color-scheme: dark");
  expect(opened(svg)).toEqual([]);
});

/** Elements that are opened and never closed. */
function opened(svg: string): readonly string[] {
  const stack: string[] = [];
  for (const [, slash, name = "", end] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (slash === "/") {
      expect(stack.pop()).toBe(name);
    } else if (end !== "/") {
      stack.push(name);
    }
  }
  return stack;
}
