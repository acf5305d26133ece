/** The clients of the table, each with what it can do, in the versions of the protocol it speaks. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as supabase from "@supabase/phoenix";
import * as phoenix18 from "phoenix";
import * as phoenix1815 from "phoenix-1.8.15";

/**
 * What only some clients can do. Tests ask for the rows they are about by {@link worldsThat}; what every client can do has
 * no name here.
 *
 * - `bytes`: payloads that are bytes, which only version 2 of the protocol has a form for
 * - `bytesBeyondAscii`: such payloads on a topic with other letters; before 1.8.7 the header counted UTF-16 units
 * - `authToken`: a token outside of the URL
 * - `paramsFunction`: params made anew for each attempt to connect
 * - `ping`: a round trip on demand
 * - `heartbeatTimeout`: noticing that heartbeats are no longer answered
 * - `leavesDuplicates`: leaving a topic's old channel before a second one is joined, and telling the two apart
 * - `rejoinAfterMs`: a delay for rejoining apart from that for reconnecting
 * - `after1000`: coming back after close code 1000; after any other everybody does
 * - `presence`: following who is there; `anyPresenceKey`: with keys like `__proto__` (CVE-2026-56812)
 * - `longPoll`: the second transport; `fallback`: going over to it without being told; `fetch`: where there is no
 *   XMLHttpRequest too; `goneSession`: noticing by 410 that a session is lost, and rejoining
 */
export type Ability =
  | "bytes"
  | "bytesBeyondAscii"
  | "authToken"
  | "paramsFunction"
  | "ping"
  | "heartbeatTimeout"
  | "leavesDuplicates"
  | "rejoinAfterMs"
  | "after1000"
  | "presence"
  | "anyPresenceKey"
  | "longPoll"
  | "fallback"
  | "fetch"
  | "goneSession";

type Package = Pick<typeof phoenix18, "Socket"> & Partial<typeof phoenix18>;

/** One row of the table. */
export interface World extends Package {
  /** The package's name and version. */
  readonly name: string;
  readonly vsn: "1.0.0" | "2.0.0";
  /** Whether the client speaks `vsn` only with an encoder of one's own. */
  readonly ownEncoder: boolean;
  readonly can: ReadonlySet<Ability>;
}

const require = createRequire(import.meta.url);

const in16: readonly Ability[] = [
  "bytes",
  "paramsFunction",
  "ping",
  "heartbeatTimeout",
  "leavesDuplicates",
  "rejoinAfterMs",
  "presence",
  "longPoll",
];
const in17: readonly Ability[] = [...in16, "fallback"];
const in18: readonly Ability[] = [...in17, "authToken", "bytesBeyondAscii", "anyPresenceKey", "fetch", "goneSession"];

/**
 * Version 1 has no form for bytes, can't say which of two joins is meant, and needs the encoder of one's own that is not asked
 * over long-poll.
 */
const needsVersion2: readonly Ability[] = [
  ...(["bytes", "bytesBeyondAscii", "leavesDuplicates"] as const),
  ...(["longPoll", "fallback", "fetch", "goneSession"] as const),
];

/**
 * The official client: the newest, the last one that stays away after close code 1000, and the last of the minor versions
 * before. Supabase's fork of it, which every new Supabase client runs on.
 *
 * Two that are not the official code of any release: phoenix_js, taken out of Phoenix in 2015 and kept apart since, speaks the
 * dialect from before `join_ref`, as does whatever was built then and still connects. Supabase's own client, of the last
 * release before the fork, has another interface, and its tests in supabase-realtime.test.ts. Of what npm has they are the
 * ones that are under MIT, install without running a script and take the WebSocket they are given: phoenix-channels brings
 * native add-ons, phoenix-socket and phoenix-elixir are the official client under another name.
 */
export const worlds: readonly World[] = [
  ...inBothVersions("phoenix", phoenix18, [...in18, "after1000"]),
  ...inBothVersions("phoenix-1.8.15", phoenix1815, in18),
  ...inBothVersions("phoenix-1.7", loadedInAPage("phoenix-1.7"), in17),
  ...inBothVersions("phoenix-1.6", loadedInAPage("phoenix-1.6"), in16),
  ...inBothVersions("@supabase/phoenix", supabase, [...in18, "after1000"]),
  {
    name: installed("phoenix_js"),
    Socket: loadedInAPage("phoenix_js").Socket,
    vsn: "1.0.0",
    ownEncoder: false,
    can: new Set<Ability>(["after1000"]),
  },
];

/** The rows that can do something, for `describe.each`. */
export function worldsThat(...abilities: readonly Ability[]): readonly World[] {
  return worlds.filter(({ can }) => abilities.every((ability) => can.has(ability)));
}

/** A client speaks 2.0.0 by itself, and 1.0.0 with an encoder of one's own, as old applications do. */
function inBothVersions(name: string, client: Package, abilities: readonly Ability[]): readonly World[] {
  const { Socket, Presence, LongPoll } = client;
  const row = { name: installed(name), Socket, ...(Presence && { Presence }), ...(LongPoll && { LongPoll }) };
  const inVersion1 = abilities.filter((ability) => !needsVersion2.includes(ability));
  return [
    { ...row, vsn: "2.0.0", ownEncoder: false, can: new Set(abilities) },
    { ...row, vsn: "1.0.0", ownEncoder: true, can: new Set(inVersion1) },
  ];
}

/** Old clients look for the browser's window while they are loaded, and for whatever they take from it in there later. */
function loadedInAPage(name: string): Package {
  const scope = globalThis as { window?: unknown };
  scope.window = globalThis;
  try {
    return require(name) as Package;
  } finally {
    delete scope.window;
  }
}

/** The name and version of a package as it is installed, so that no row and no test can claim another. */
export function installed(name: string): string {
  let folder = dirname(require.resolve(name));
  while (!folder.endsWith(join("node_modules", name))) folder = dirname(folder);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name: string; version: string };
  return `${manifest.name} ${manifest.version}`;
}
