// npm run table --workspace portcullis-conformance -- [--url http://127.0.0.1:4100] [--strict] [--only id…]
import { parseArgs } from "node:util";
import { silentLogger } from "portcullis";
import { startReferenceServer } from "../reference-server/server.ts";
import { type Case, type Cell, transports, vsns, type World } from "./case.ts";
import { cases } from "./cases.ts";
import { summaryOf, tableOf } from "./report.ts";
import { runTable } from "./run.ts";

const usage = `Runs the conformance table against a server of the reference application.

  --url URL          the server, for example http://127.0.0.1:4100 (default: Portcullis, started for it)
  --strict           expect what Phoenix does, also where Portcullis differs on purpose
  --only ID          a case to run, * matches any letters; may be given several times
  --transport NAME   websocket or longpoll (default: both)
  --vsn N            1 or 2 (default: both)
  --list             name the cases and end

It ends with 0 when all is as it should be, 1 when something is not, 2 when there is no server or a wrong option.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string" },
    strict: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    transport: { type: "string" },
    vsn: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

// `--only a b` reads as it is meant.
const chosen = chooseCases([...values.only, ...positionals]);
const columns = transports.flatMap((transport) => vsns.map((vsn) => ({ transport, vsn }))).filter(isChosen);

if (values.help) {
  console.log(usage);
} else if (values.list) {
  for (const { id, says } of chosen) console.log(`${id}: ${says}`);
} else if (chosen.length === 0 || columns.length === 0 || values.url?.startsWith("http://") === false) {
  console.error(usage);
  process.exitCode = 2;
} else if (values.url === undefined) {
  const server = await startReferenceServer({ port: 0, logger: silentLogger });
  process.exitCode = await run({ name: "portcullis", url: server.url, strict: values.strict });
  await server.close();
} else {
  process.exitCode = await run({ name: values.url, url: values.url, strict: values.strict });
}

function chooseCases(patterns: readonly string[]): readonly Case[] {
  if (patterns.length === 0) return cases;
  const expressions = patterns.map((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`));
  return cases.filter(({ id }) => expressions.some((expression) => expression.test(id)));
}

function isChosen({ transport, vsn }: Omit<Cell, "world">): boolean {
  return (values.transport ?? transport) === transport && (values.vsn ?? String(vsn)) === String(vsn);
}

async function run(world: World): Promise<number> {
  const startedMs = performance.now();
  const cells = columns.map((column) => ({ ...column, world }));
  const results = await runTable(chosen, cells);
  console.log(tableOf(results, cells));
  console.log(`\n${summaryOf(results, (performance.now() - startedMs) / 1000)}`);
  if (results.some(({ verdict }) => verdict === "unreachable")) return 2;
  return results.some(({ verdict }) => verdict === "failed") ? 1 : 0;
}
