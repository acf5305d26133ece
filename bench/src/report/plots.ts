/** The plots, by the name of their file in results/: the same figures as the tables, for the eye. */
import { deliveredShare, mainFigure, type Results, type Run, runsOf } from "../runner/results.ts";
import { type Spread, spread } from "../runner/statistics.ts";
import { type ServerName, serverEntry } from "../servers/catalogue.ts";
import type { NamedWorkload } from "../workloads.ts";
import { isMemory, ours, significant } from "./figures.ts";
import { barChart, type ChartBar, type Panel } from "./svg/bar-chart.ts";

type Kind = NamedWorkload["workload"]["kind"];

interface Plot {
  readonly file: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

export function plots(results: Results): readonly (readonly [string, string])[] {
  return plotsWithPanels(results).map(({ file, title, panels }) => [file, barChart({ title, panels })]);
}

/** Where each plot is and what it is called, for the page that shows it. */
export function plotTitles(results: Results): readonly Pick<Plot, "file" | "title">[] {
  return plotsWithPanels(results);
}

function plotsWithPanels(results: Results): readonly Plot[] {
  const every: readonly Plot[] = [
    { file: "broadcast.svg", title: "Broadcast: server CPU per delivery", panels: cpuPanels(results, ["broadcast"]) },
    {
      file: "requests.svg",
      title: "Connecting, pushing, chatting: server CPU each",
      panels: cpuPanels(results, ["connect", "echo", "chat"]),
    },
    { file: "memory.svg", title: "Memory of an idle joined connection", panels: cpuPanels(results, ["memory"]) },
    { file: "open-loop.svg", title: "At a fixed rate: how much arrives, how late", panels: openLoopPanels(results) },
  ];
  return every.filter(({ panels }) => panels.length > 0);
}

function cpuPanels(results: Results, kinds: readonly Kind[]): readonly Panel[] {
  return panels(results, kinds, (named) => ({
    title: named.title,
    axis: isMemory(named) ? "resident bytes per connection" : `µs of server CPU per ${named.unit}`,
    of: mainFigure,
    write: (value) => significant(value),
  }));
}

function openLoopPanels(results: Results): readonly Panel[] {
  return [
    ...panels(results, ["offered"], ({ title }) => ({
      title,
      axis: "% delivered in time",
      of: (run) => (deliveredShare(run) ?? Number.NaN) * 100,
      write: (value) => `${significant(value)} %`,
    })),
    ...panels(results, ["offered"], ({ title }) => ({
      title,
      axis: "ms from due to arrival, p99 of what arrived",
      of: (run) => (run.latency?.p99Us ?? Number.NaN) / 1000,
      write: (value) => `${significant(value)} ms`,
    })),
  ];
}

interface Measure {
  readonly title: string;
  readonly axis: string;
  of(run: Run): number;
  write(value: number): string;
}

function panels(results: Results, kinds: readonly Kind[], measureOf: (named: NamedWorkload) => Measure): Panel[] {
  return results.workloads
    .filter(({ workload }) => kinds.includes(workload.kind))
    .map((named) => {
      const { title, axis, of, write } = measureOf(named);
      const bars = results.servers.flatMap((server): readonly ChartBar[] => {
        const value = spreadOf(runsOf(results, named.name, server).map(of));
        const label = serverEntry(server).title.replaceAll("`", "");
        return value === undefined ? [] : [{ label, value, valueText: write(value.median), ours: isOurs(server) }];
      });
      return { title, axis, bars };
    })
    .filter(({ bars }) => bars.length > 0);
}

/** On whichever Node. */
function isOurs(server: ServerName): boolean {
  return serverEntry(server).title.startsWith(serverEntry(ours).title);
}

function spreadOf(values: readonly number[]): Spread | undefined {
  const known = values.filter(Number.isFinite);
  return known.length === 0 ? undefined : spread(known);
}
