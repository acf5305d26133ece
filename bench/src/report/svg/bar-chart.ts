import type { Spread } from "../../runner/statistics.ts";
import { element, picture, text } from "./element.ts";

export interface BarChart {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Bars that share a scale of their own, from zero. */
export interface Panel {
  readonly title: string;
  /** What the lengths are, as the axis says it: "µs of server CPU per delivery". */
  readonly axis: string;
  readonly bars: readonly ChartBar[];
}

export interface ChartBar {
  readonly label: string;
  readonly value: Spread;
  /** The value as written beside the bar. */
  readonly valueText: string;
  readonly ours: boolean;
}

const width = 760;
const left = 200;
const right = 150;
const rowHeight = 22;
const barHeight = 14;
const titleHeight = 40;
const panelHeadHeight = 28;
const panelFootHeight = 44;

/** Horizontal bars of medians with a line from the smallest to the largest, labelled directly: no legend to look up. */
export function barChart({ title, panels }: BarChart): string {
  const content = [text(title, { x: 16, y: 26, class: "title" })];
  let y = titleHeight;
  for (const panel of panels) {
    content.push(panelAt(panel, y));
    y += panelHeadHeight + panel.bars.length * rowHeight + panelFootHeight;
  }
  return picture(width, y, title, content);
}

function panelAt({ title, axis, bars }: Panel, top: number): string {
  const most = Math.max(...bars.map(({ value }) => value.max));
  const step = niceStep(most);
  const end = Math.max(step, Math.ceil(most / step) * step);
  const x = (value: number): number => left + (value / end) * (width - left - right);
  const first = top + panelHeadHeight;
  const bottom = first + bars.length * rowHeight;
  const parts = [text(title, { x: 16, y: top + 16, class: "panel" })];
  for (let tick = 0; tick <= end + step / 2; tick += step) {
    parts.push(element("line", { x1: x(tick), x2: x(tick), y1: first - 4, y2: bottom, class: "grid" }));
    parts.push(text(tickText(tick), { x: x(tick), y: bottom + 14, "text-anchor": "middle", class: "small" }));
  }
  parts.push(element("line", { x1: left, x2: left, y1: first - 4, y2: bottom, class: "axis" }));
  parts.push(text(axis, { x: (x(0) + x(end)) / 2, y: bottom + 29, "text-anchor": "middle", class: "small" }));
  for (const [index, { label, value, valueText, ours }] of bars.entries()) {
    const y = first + index * rowHeight;
    const middle = y + barHeight / 2;
    const length = Math.max(1, x(value.median) - left);
    parts.push(
      text(label, { x: left - 8, y: middle + 4, "text-anchor": "end" }),
      element("rect", { x: left, y, width: length, height: barHeight, class: ours ? "ours" : "theirs" }),
      element("line", { x1: x(value.min), x2: x(value.max), y1: middle, y2: middle, class: "spread" }),
      text(valueText, { x: x(Math.max(value.max, value.median)) + 6, y: middle + 4 }),
    );
  }
  return element("g", {}, `\n${parts.join("\n")}\n`);
}

/** 1, 2 or 5 times a power of ten, so that there are four to ten of them up to `most`. */
export function niceStep(most: number): number {
  const rough = Math.max(most, Number.MIN_VALUE) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10;
  return step * power;
}

function tickText(tick: number): string {
  return Number(tick.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}
