import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { measureDeploy } from "./avalanche/measure.ts";
import { avalanchePlan } from "./avalanche/plan.ts";
import type { AvalancheResults } from "./avalanche/results.ts";
import { type Measurement, type Options, readOptions, usage } from "./options.ts";
import { measureStorm } from "./presence-storm/measure.ts";
import { stormPlan } from "./presence-storm/plan.ts";
import type { StormResults } from "./presence-storm/results.ts";
import { avalancheText } from "./report/avalanche.ts";
import { pageOf, plotsOf, writeResults } from "./report/page.ts";
import { presenceStormText } from "./report/presence-storm.ts";
import { topFunctions } from "./report/profile.ts";
import { toTerminal } from "./report/terminal.ts";
import { canPin } from "./runner/child.ts";
import { circumstances } from "./runner/circumstances.ts";
import { launch } from "./runner/launch.ts";
import { Progress } from "./runner/progress.ts";
import type { Results } from "./runner/results.ts";
import { plan, runAll } from "./runner/schedule.ts";
import { serverEntry } from "./servers/catalogue.ts";
import { installPeers, peerVersion } from "./servers/peers.ts";

const folder = fileURLToPath(new URL("..", import.meta.url));
const resultsFolder = join(folder, "results");
const pageFile = join(folder, "README.md");

async function compare(options: Options): Promise<Results> {
  for (const reason of options.skipped) {
    say(`Not measured: ${reason.replaceAll("`", "")}.`);
  }
  const planned = plan(options.workloads, options.servers);
  const progress = new Progress(planned);
  const begun = circumstances(options.scale, ["portcullis", "ws", "socket.io"]);
  const { workloads, servers, skipped, external } = options;
  const runs = await runAll(planned, { pin: begun.pinned, external }, (next, index) => progress.before(next, index));
  progress.end();
  const peers = servers.flatMap((server) => serverEntry(server).peer ?? []);
  const versions = { ...begun.versions, ...Object.fromEntries(peers.map((peer) => [peer, peerVersion(peer)])) };
  return { ...begun, versions, workloads, servers, skipped, runs };
}

async function storm({ scale }: Options): Promise<StormResults> {
  const begun = circumstances(scale, ["portcullis", "ws"]);
  const { generators, storms } = stormPlan(scale);
  const runs: StormResults["runs"][number][] = [];
  for (const [index, next] of storms.entries()) {
    say(`presence storm ${index + 1}/${storms.length}: ${next.mode}, ${next.joins} into ${next.members}`);
    runs.push(await measureStorm(next, generators, { pin: begun.pinned }));
  }
  return { ...begun, generators, runs };
}

/** Interleaved, as the comparison: what drifts on the machine drifts for all deploys alike. */
async function deploy({ scale }: Options): Promise<AvalancheResults> {
  const begun = circumstances(scale, ["portcullis", "ws"]);
  const { generators, repeats, deploys } = avalanchePlan(scale);
  const runs: AvalancheResults["runs"][number][] = [];
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const next of deploys) {
      const drain = next.drain === null ? "default drain" : `${next.drain.batchSize} every ${next.drain.intervalMs} ms`;
      say(`avalanche: ${next.succession}, ${drain}, repeat ${repeat} of ${repeats}`);
      runs.push(await measureDeploy(next, generators, { pin: begun.pinned }));
    }
  }
  return { ...begun, generators, deploys, runs };
}

async function profile(options: Options): Promise<void> {
  const pin = canPin();
  const directory = join(resultsFolder, "local");
  mkdirSync(directory, { recursive: true });
  const shown = (title: string, profileFile: string): void => {
    process.stdout.write(`\n${title}\n${topFunctions(profileFile, 40)}\n`);
  };
  for (const { named, server } of options.only.includes("comparison") ? plan(options.workloads, options.servers) : []) {
    const profileFile = join(directory, `${named.name}-${server}.cpuprofile`);
    await launch(server, named.workload, { pin, profileFile });
    shown(`${named.title}, ${serverEntry(server).title}`, profileFile);
  }
  const { generators, storms } = stormPlan(options.scale);
  for (const next of options.only.includes("presence-storm") ? storms : []) {
    const profileFile = join(directory, `presence-storm-${next.mode}-${next.members}-${next.joins}.cpuprofile`);
    await measureStorm(next, generators, { pin, profileFile });
    shown(`Presence storm, ${next.mode}, ${next.joins} into ${next.members}`, profileFile);
  }
}

/** One measurement: made, printed, and written down unless it is only to be looked at. */
async function measure(name: Measurement, options: Options): Promise<void> {
  const [results, text] = await measured(name, options);
  process.stdout.write(`\n${text}\n`);
  if (!options.dryRun) {
    mkdirSync(resultsFolder, { recursive: true });
    writeResults(resultsFolder, name, results);
    writeReport();
  }
}

/** The page and the plots, from what results/ holds. */
function writeReport(): void {
  writeFileSync(pageFile, pageOf(resultsFolder));
  for (const [name, svg] of plotsOf(resultsFolder)) {
    writeFileSync(join(resultsFolder, name), svg);
  }
}

async function measured(name: Measurement, options: Options): Promise<readonly [object, string]> {
  switch (name) {
    case "comparison": {
      const results = await compare(options);
      return [results, toTerminal(results)];
    }
    case "presence-storm": {
      const results = await storm(options);
      return [results, presenceStormText(results)];
    }
    case "avalanche": {
      const results = await deploy(options);
      return [results, avalancheText(results)];
    }
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const options = readOptions(process.argv.slice(2));
if (options.help) {
  process.stdout.write(usage);
} else if (options.installPeers) {
  installPeers();
} else if (options.reportOnly) {
  writeReport();
} else if (options.profile) {
  await profile(options);
} else {
  for (const name of options.only) {
    await measure(name, options);
  }
}
