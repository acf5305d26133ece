/** Every house rule refuses what it is there to refuse, and lets the nearest innocent thing pass. */
import { describe, expect, test } from "vitest";
import * as code from "./rules/code.ts";
import * as layers from "./rules/layers.ts";
import * as lock from "./rules/lock.ts";
import * as reach from "./rules/reach.ts";
import { fileLengths } from "./rules/size.ts";
import * as tests from "./rules/tests.ts";
import * as text from "./rules/text.ts";
import type { Rule, Source } from "./source.ts";

const inSource = (path: string, content: string): Source => ({
  path: `packages/portcullis/src/${path}`,
  text: content,
});
const lines = (count: number) => "a\n".repeat(count);

/** One sample per row: what the rule is given, and a part of each complaint it must make, in order. */
const samples: [title: string, rule: Rule, files: Source[], complaints: RegExp[]][] = [
  // Sizes.
  ["a file over 700 lines", fileLengths, [...small(20), inSource("long.ts", lines(701))], [/long\.ts has 701 lines/]],
  ["a file of 700 lines", fileLengths, [...small(20), inSource("long.ts", lines(700))], []],
  ["a median over 150", fileLengths, [1, 2, 3].map((n) => inSource(`${n}.ts`, lines(151))), [/median source has 151/]],
  [
    "more than a tenth over 350",
    fileLengths,
    [...small(8), inSource("x.ts", lines(351)), inSource("y.ts", lines(351))],
    [/x\.ts \(351\), .*y\.ts \(351\)/],
  ],
  ["lengths outside of src", fileLengths, [{ path: "bench/long.ts", text: lines(9000) }], []],

  // Layers.
  [
    "an import that points up",
    layers.importsPointDown,
    [inSource("protocol/topic.ts", 'import { channel } from "../channel/channel.ts";')],
    [/topic\.ts:1: "protocol" may not import "channel"/],
  ],
  [
    "a type import that points up",
    layers.importsPointDown,
    [inSource("channel/process.ts", 'import type { Connection } from "../socket/connection.ts";')],
    [/"channel" may not import "socket"/],
  ],
  [
    "a type named in place",
    layers.importsPointDown,
    [inSource("auth/ticket.ts", 'export type A = import("../channel/channel.ts").A;')],
    [/"auth" may not import "channel"/],
  ],
  [
    "an import() that points up",
    layers.importsPointDown,
    [inSource("pubsub/workers.ts", 'const all = await import("../endpoint.ts");')],
    [/"pubsub" may not import "endpoint"/],
  ],
  [
    "a leaf that imports a leaf",
    layers.importsPointDown,
    [inSource("token/key.ts", 'export { bounds } from "../limit/bounds.ts";')],
    [/"token" may not import "limit"/],
  ],
  [
    "an import of what lies outside of src",
    layers.importsPointDown,
    [inSource("endpoint.ts", 'import "../../../scripts/steps.ts";')],
    [/"endpoint" may not import "scripts\/steps\.ts"/],
  ],
  ["a folder without a place", layers.importsPointDown, [inSource("misc/a.ts", "")], [/"misc" has no place/]],
  [
    "imports that point down",
    layers.importsPointDown,
    [
      inSource("endpoint.ts", 'import { a } from "./transport/websocket.ts";\nimport { b } from "./token/token.ts";'),
      inSource("socket/socket.ts", 'import type { A } from "../auth/authenticator.ts";'),
      inSource("token/key.ts", 'import { PortcullisError } from "../errors.ts"; // import "../channel/channel.ts"'),
      inSource("token/token.ts", 'import { key } from "./key.ts"; const text = \'import "../socket/socket.ts"\';'),
    ],
    [],
  ],
  [
    "server code in the client",
    layers.importsPointDown,
    [
      inSource("client/client.ts", 'import { sign } from "../token/token.ts";'),
      inSource(
        "react/react.ts",
        'import type { App } from "../endpoint.ts";\nimport { c } from "../client/client.ts";',
      ),
    ],
    [/"client" may not import "token"/],
  ],
  [
    "Node in the client",
    layers.browserCodeKnowsNoNode,
    [
      inSource("client/client.ts", 'import { hash } from "node:crypto";'),
      inSource("token/key.ts", 'import "node:crypto";'),
    ],
    [/client\.ts:1: runs in browsers/],
  ],
  [
    "folders that import each other's types",
    layers.noFolderCycles,
    [
      inSource("a/a.ts", 'import type { B } from "../b/b.ts";'),
      inSource("b/b.ts", 'import type { C } from "../c/c.ts";'),
      inSource("c/c.ts", 'import type { A } from "../a/other.ts";'),
    ],
    [/a -> b -> c -> a/],
  ],
  ["folders in a line", layers.noFolderCycles, [inSource("a/a.ts", 'import "../b/b.ts";'), inSource("b/b.ts", "")], []],
  [
    "files that import each other",
    layers.noRunTimeCycles,
    [inSource("a/a.ts", 'import { b } from "./b.ts";'), inSource("a/b.ts", 'import { type A, a } from "./a.ts";')],
    [/a\/a\.ts -> .*a\/b\.ts -> .*a\/a\.ts/],
  ],
  [
    "an inline type import, which stays at run time",
    layers.noRunTimeCycles,
    [inSource("a/a.ts", 'import { b } from "./b.ts";'), inSource("a/b.ts", 'import { type A } from "./a.ts";')],
    [/a\.ts/],
  ],
  [
    "files that know each other's types",
    layers.noRunTimeCycles,
    [inSource("a/a.ts", 'import { b } from "./b.ts";'), inSource("a/b.ts", 'import type { A } from "./a.ts";')],
    [],
  ],

  // Code.
  [
    "an export star",
    code.noExportStar,
    [inSource("index.ts", 'export * from "./a.ts";\nexport * as b from "./b.ts";\nexport { c } from "./c.ts";')],
    [/index\.ts:1/, /index\.ts:2/],
  ],
  [
    "a second file with ws",
    code.onlyOneFileImportsWs,
    [
      inSource("transport/websocket.ts", 'import { WebSocketServer } from "ws";'),
      inSource("transport/transport.ts", 'import type { WebSocket } from "ws"; // "ws"'),
    ],
    [/transport\/transport\.ts:1: imports ws/],
  ],
  [
    "timers and clocks in the core",
    code.coreIsSansIo,
    [
      inSource("socket/connection.ts", "setTimeout(f, 1);\nconst a = Date.now();\nperformance.now();\nnew Date();"),
      inSource(
        "channel/process.ts",
        'import { setTimeout as sleep } from "node:timers/promises";\nglobalThis.setInterval(f);',
      ),
      inSource("clock.ts", "setTimeout(f, 1);"),
    ],
    [
      /:1: uses setTimeout/,
      /:2: uses Date\.now/,
      /:3: uses performance\.now/,
      /:4: uses new Date/,
      /node:timers/,
      /setInterval/,
    ],
  ],
  [
    "a clock that was handed in",
    code.coreIsSansIo,
    [
      inSource(
        "socket/connection.ts",
        "// Date.now() is the clock's\nclock.setTimeout(f, 1); new Date(clock.now()); const o = { setTimeout: 1 };\ninterface C { setTimeout(f: F): void }",
      ),
    ],
    [],
  ],
  [
    "names that say nothing",
    code.noEmptyNames,
    [
      inSource("socket-manager.ts", ""),
      { path: "bench/utils/time.ts", text: "" },
      inSource(
        "a.ts",
        "export class TokenService {}\nexport const timeUtil = 1;\nfunction helper() {}\nexport { helper };",
      ),
    ],
    [/socket-manager/, /"utils"/, /"TokenService"/, /"timeUtil"/, /"helper"/],
  ],
  [
    "names that contain such a word by chance",
    code.noEmptyNames,
    [
      inSource("utilization.ts", "export const servicesLike = 1;".replace("services", "serviced")),
      inSource("b.ts", "const manager = 1;"),
    ],
    [],
  ],
  [
    "a silenced compiler",
    code.noSilencedCompiler,
    [
      inSource(
        "a.ts",
        "const a = b as any;\nconst c = <any[]>d;\n// @ts-ignore\nconst e = 'as any' as string; // as any",
      ),
    ],
    [/:1: casts to any/, /:2: casts to any/, /:3: @ts-ignore/],
  ],

  // Reach.
  [
    "an export that isn't where its name says",
    reach.exportsFollowPaths,
    [manifest({ "./token": conditions("token/verifier") }), inSource("token/verifier.ts", "")],
    [/"\.\/token": expected .*token\/token/],
  ],
  [
    "an export without a file",
    reach.exportsFollowPaths,
    [manifest({ "./token": conditions("token") })],
    [/doesn't exist/],
  ],
  [
    "conditions in an order that hides the types",
    reach.exportsFollowPaths,
    [
      manifest({
        ".": { default: "./dist/index.js", types: "./dist/index.d.ts", "portcullis-source": "./src/index.ts" },
      }),
      inSource("index.ts", ""),
    ],
    [/"\.": expected/],
  ],
  [
    "exports named like their files",
    reach.exportsFollowPaths,
    [
      manifest({
        ".": conditions("index"),
        "./token": conditions("token/token"),
        "./pubsub/redis": conditions("pubsub/redis"),
      }),
      ...["index.ts", "token/token.ts", "pubsub/redis.ts"].map((path) => inSource(path, "")),
    ],
    [],
  ],
  [
    "a file nothing leads to",
    reach.noDeadFiles,
    [
      manifest({ ".": conditions("index") }),
      inSource("index.ts", 'export { a } from "./a.ts";\n// import "./dead.ts"'),
      inSource("a.ts", 'new Worker(new URL("./worker.ts", import.meta.url));\nexport type B = import("./b.ts").B;'),
      inSource("worker.ts", ""),
      inSource("b.ts", ""),
      inSource("dead.ts", 'import "./a.ts";'),
    ],
    [/dead\.ts: no export leads to it/],
  ],
  [
    "an import of a file that isn't there",
    reach.importsExist,
    [inSource("a.ts", 'import "./b.ts";\nimport "./c.ts";'), inSource("b.ts", "")],
    [/a\.ts:2: imports \.\/c\.ts/],
  ],

  // Texts.
  ["a note to oneself", text.noNotesToSelf, [{ path: "a.md", text: `x\n${"TO" + "DO"}: later` }], [/a\.md:2/]],
  ["a word that contains one", text.noNotesToSelf, [{ path: "a.md", text: `${"TO" + "DO"}S ${"fix" + "me"}` }], []],
  [
    "a path of a machine",
    text.noMachinePaths,
    [{ path: "a.ts", text: `"${["", "root", "x"].join("/")}"` }],
    [/a\.ts:1/],
  ],
  [
    "a folder of that name",
    text.noMachinePaths,
    [{ path: "a.md", text: ["https://example.com", "work", "x ."].join("/") + ["", "root", "x"].join("/") }],
    [],
  ],
  [
    "a registry's host",
    text.noRegistryHosts,
    [{ path: "a.yml", text: ["registry", "npmjs", "org"].join(".") }],
    [/a\.yml:1/],
  ],

  // Lockfiles.
  [
    "a download address",
    lock.locksHoldNoAddresses,
    [
      lockfile({
        "node_modules/a": { resolved: "https://example.com/a.tgz" },
        b: { resolved: "packages/b", link: true },
      }),
    ],
    [/node_modules\/a has a download address/],
  ],
  [
    "binaries that npm has pruned",
    lock.locksHoldEveryPlatform,
    [
      lockfile({
        "node_modules/a": { optionalDependencies: { "a-linux": "1", "a-mac": "1", "a-win": "1" } },
        "node_modules/a-linux": { os: ["linux"], cpu: ["x64", "arm64"] },
        "node_modules/a-mac": { os: ["darwin"], cpu: ["arm64"] },
        "node_modules/b": { optionalDependencies: { fsevents: "1" } },
      }),
    ],
    [/node_modules\/a .* none for win32-x64/],
  ],

  // Tests.
  [
    "a test that shuts out the others",
    tests.noFocusedTests,
    [{ path: "a.test.ts", text: 'test.only("x", f);\ndescribe.concurrent.only("y", f); // test.only\nthing.only();' }],
    [/a\.test\.ts:1/, /a\.test\.ts:2/],
  ],
  [
    "a skip without a reason",
    tests.skippedTestsSayWhy,
    [
      {
        path: "a.test.ts",
        text: 'test.skip("x", f);\n// Skipped where no browser is installed,\n// which npm test reports.\ntest.skipIf(a)("y", f);\n// Look.\nit.todo("z");\nit.runIf(a)(`w (${reason})`, f);\nit.skip("v (flaky)", f);\nit.skipIf(a)("u", () => f("(x)"));',
      },
    ],
    [/a\.test\.ts:1: \.skip/, /a\.test\.ts:6: \.todo/, /a\.test\.ts:9: \.skipIf/],
  ],
];

describe("a house rule", () => {
  test.each(samples)("%s", (_title, rule, files, complaints) => {
    const found = rule(files);
    expect(found).toHaveLength(complaints.length);
    for (const [index, complaint] of complaints.entries()) expect(found[index]).toMatch(complaint);
  });

  test("is shown to refuse something, each of them", () => {
    const all = [fileLengths, ...[layers, code, reach, text, lock, tests].flatMap((rules) => Object.values(rules))];
    const shown = new Set(samples.filter(([, , , complaints]) => complaints.length > 0).map(([, rule]) => rule));
    expect(all.filter((rule) => !shown.has(rule))).toEqual([]);
  });
});

function small(count: number): Source[] {
  return Array.from({ length: count }, (_, index) => inSource(`small-${index}.ts`, lines(10)));
}

function manifest(exports: Record<string, unknown>): Source {
  return { path: "packages/portcullis/package.json", text: JSON.stringify({ exports }) };
}

function conditions(name: string): Record<string, string> {
  return { "portcullis-source": `./src/${name}.ts`, types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` };
}

function lockfile(packages: Record<string, unknown>): Source {
  return { path: "package-lock.json", text: JSON.stringify({ packages }) };
}
