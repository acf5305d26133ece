/** The comparison's part of the page bench/README.md, written from results/latest.json and nothing else. */
import { generatorShare, type Results, runsOf, serverShare } from "../runner/results.ts";
import { type ServerName, serverEntry } from "../servers/catalogue.ts";
import type { NamedWorkload } from "../workloads.ts";
import { barTable, latenessTable } from "./bars.ts";
import { figuresOf, isMemory, mainText, medianOf, ours, ratioText, ratioTo, significant } from "./figures.ts";
import { plotTitles } from "./plots.ts";
import { conditions, howToRun, notes } from "./prose.ts";
import { slowReaderTable } from "./slow-reader.ts";
import { table } from "./table.ts";
import { milliseconds } from "./units.ts";
import { warningsOf } from "./warnings.ts";

/** The page; `others` are the parts about what is measured beside the comparison. */
export function toMarkdown(results: Results, others: readonly string[] = []): string {
  return `${[
    "<!-- Written by `npm run bench` from results/. Change src/report/, not this page. -->",
    "# Benchmarks",
    howToRun,
    "## Ratios",
    "Portcullis over the other, so below 1 means that Portcullis needs less. Medians of the ratios of neighbouring runs, smallest and largest in brackets.",
    ratioTable(results),
    ...warningList(results),
    "## Bars",
    "Server CPU, Portcullis over the other, by the medians. Where a bar is given the project holds itself to it; where none is, nothing is promised.",
    barTable(results),
    ...optional(
      latenessTable(results),
      "At the same offered rate Portcullis should be no later than any of the others:",
    ),
    "## Plots",
    "Medians, with a line from the smallest to the largest.",
    ...plotTitles(results).map(({ file, title }) => `![${title}](results/${file})`),
    "## Figures",
    ...results.workloads.flatMap((named) => [`### ${named.title}`, figureTable(results, named)]),
    ...optional(slowReaderTable(results), "### What the slow reader costs the others"),
    "## Conditions",
    conditions(results),
    "## Read this before quoting a number",
    notes(results),
    ...others,
  ].join("\n\n")}\n`;
}

function optional(part: string | undefined, introduction: string): readonly string[] {
  return part === undefined ? [] : [introduction, part];
}

/** The table of ratios alone, for the project's front page. */
export function ratioTable(results: Results): string {
  const others = results.servers.filter((server) => server !== ours);
  return table(
    ["", "measured", serverEntry(ours).title, ...others.map((server) => `against ${serverEntry(server).title}`)],
    results.workloads.map((named) => {
      const figures = figuresOf(runsOf(results, named.name, ours));
      return [
        named.title,
        isMemory(named) ? "resident bytes per connection" : `server CPU per ${named.unit}`,
        figures === undefined ? "–" : mainText(named, figures.main),
        ...others.map((server) => ratioText(ratioTo(results, named.name, server))),
      ];
    }),
  );
}

function figureTable(results: Results, named: NamedWorkload): string {
  const main = isMemory(named) ? "memory each" : `server CPU per ${named.unit}`;
  const headings = isMemory(named)
    ? ["server", main, "JS heap each", "lost"]
    : [
        "server",
        main,
        `${plural(named.unit)} per CPU second`,
        "per second",
        "p50",
        "p99",
        "lost",
        "server core",
        "generator core",
      ];
  return table(
    headings,
    results.servers.flatMap((server) => figureRow(results, named, server)),
  );
}

function figureRow(results: Results, named: NamedWorkload, server: ServerName): readonly string[][] {
  const runs = runsOf(results, named.name, server);
  const figures = figuresOf(runs);
  if (figures === undefined) {
    return [];
  }
  const title = serverEntry(server).title;
  const lost = String(figures.lost);
  if (isMemory(named)) {
    const heap = medianOf(runs, ({ memory }) =>
      memory === null ? null : (memory.full.heapUsedBytes - memory.empty.heapUsedBytes) / memory.connections,
    );
    return [[title, mainText(named, figures.main), heap === null ? "–" : `${significant(heap)} B`, lost]];
  }
  return [
    [
      title,
      mainText(named, figures.main),
      significant(figures.perCpuSecond),
      significant(figures.ratePerSecond),
      milliseconds(figures.p50Us),
      milliseconds(figures.p99Us),
      lost,
      percent(medianOf(runs, serverShare)),
      percent(medianOf(runs, generatorShare)),
    ],
  ];
}

function warningList(results: Results): readonly string[] {
  const warnings = warningsOf(results);
  return warnings.length === 0 ? [] : [warnings.map((warning) => `- ${warning}`).join("\n")];
}

function plural(unit: string): string {
  return unit.endsWith("y") ? `${unit.slice(0, -1)}ies` : `${unit}s`;
}

function percent(share: number | null): string {
  return share === null ? "–" : `${Math.round(share * 100)} %`;
}
