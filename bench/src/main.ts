import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Options, readOptions, usage } from "./options.ts";
import { toMarkdown } from "./report/markdown.ts";
import { topFunctions } from "./report/profile.ts";
import { toTerminal } from "./report/terminal.ts";
import { canPin, launch } from "./runner/launch.ts";
import { describeMachine, loadNow } from "./runner/machine.ts";
import { Progress } from "./runner/progress.ts";
import type { Results } from "./runner/results.ts";
import { plan, runAll } from "./runner/schedule.ts";
import { serverEntry } from "./servers/catalogue.ts";

const folder = fileURLToPath(new URL("..", import.meta.url));
const resultsFile = join(folder, "results/latest.json");
const pageFile = join(folder, "README.md");

async function measure(options: Options): Promise<Results> {
  const planned = plan(options.workloads, options.servers);
  const progress = new Progress(planned);
  const pinned = canPin();
  const loadAtStart = loadNow();
  const runs = await runAll(planned, { pin: pinned }, (next, index) => progress.before(next, index));
  progress.end();
  return {
    measuredAt: new Date().toISOString(),
    scale: options.scale,
    machine: describeMachine(),
    pinned,
    loadAtStart,
    versions: versions(["portcullis", "ws", "socket.io"]),
    workloads: options.workloads,
    servers: options.servers,
    runs,
  };
}

async function profile(options: Options): Promise<void> {
  const pin = canPin();
  const directory = join(folder, "results/local");
  mkdirSync(directory, { recursive: true });
  for (const { named, server } of plan(options.workloads, options.servers)) {
    const profileFile = join(directory, `${named.name}-${server}.cpuprofile`);
    await launch(server, named.workload, { pin, profileFile });
    process.stdout.write(`\n${named.title}, ${serverEntry(server).title}\n${topFunctions(profileFile, 40)}\n`);
  }
}

function versions(packages: readonly string[]): Record<string, string> {
  const require = createRequire(import.meta.url);
  return Object.fromEntries(
    packages.map((name) => [name, (require(`${name}/package.json`) as { version: string }).version]),
  );
}

function write(results: Results): void {
  mkdirSync(join(folder, "results"), { recursive: true });
  writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(pageFile, toMarkdown(results));
}

const options = readOptions(process.argv.slice(2));
if (options.help) {
  process.stdout.write(usage);
} else if (options.reportOnly) {
  writeFileSync(pageFile, toMarkdown(JSON.parse(readFileSync(resultsFile, "utf8")) as Results));
} else if (options.profile) {
  await profile(options);
} else {
  const results = await measure(options);
  process.stdout.write(`\n${toTerminal(results)}\n`);
  if (!options.dryRun) {
    write(results);
  }
}
