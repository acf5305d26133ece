// What the recordings allow a server to do on one connection, and whether it does.
import { describe, type Seen, whatDiffers } from "./compare.ts";
import type { Difference } from "./differences.ts";
import { raceOf } from "./races.ts";
import type { CloseEvent, Scenario, ServerEvent } from "./recording.ts";
import { type ScriptStep, toScript } from "./script.ts";

/** One thing the server has to do. */
interface Slot {
  readonly index: number;
  /** When it was recorded. */
  readonly atMs: number;
  /** It may come earlier than that. */
  readonly sooner?: boolean;
  /** Any of these is right. */
  readonly options: readonly ServerEvent[];
  /** Right as well, and then the rest of the connection does not take place. */
  readonly endings: readonly CloseEvent[];
  /** Slots next to each other with the same race may come in any order. */
  readonly race: object | undefined;
  /** Indexes of slots of the same race that have to come earlier. */
  readonly after: readonly number[];
}

/** Something the server did, or did not do, against the recording. */
export interface Mismatch {
  readonly conn: string;
  /** Index of the event in the recording; `undefined` when nothing was expected any more. */
  readonly event: number | undefined;
  readonly expected: string;
  readonly got: string;
  readonly why: string;
}

export type Judgement =
  | { readonly mismatch: Mismatch }
  /** As expected; `recordedMs` is when it was recorded, `null` for what was not recorded on this server, or may come sooner. */
  | { readonly recordedMs: number | null };

/** The key of the plain HTTP requests of a scenario among its connections. */
export const httpConn = "HTTP";

export class Expectation {
  readonly #conn: string;
  #slots: Slot[];

  constructor(conn: string, slots: readonly Slot[]) {
    this.#conn = conn;
    this.#slots = [...slots];
  }

  /** The recorded time of the next thing to come with an index below `before`; `undefined` if there is none. */
  nextBefore(before: number): number | undefined {
    const slot = this.#slots.find((candidate) => candidate.index < before);
    return slot?.atMs;
  }

  /** Takes what the server did. */
  see(seen: Seen): Judgement {
    const first = this.#slots[0];
    if (first === undefined) {
      const why = "the recording has nothing here";
      return { mismatch: this.#mismatch(undefined, "nothing more", describe(seen), why) };
    }
    for (const slot of this.#candidates(first)) {
      if (slot.options.some((option) => whatDiffers(option, seen) === undefined)) {
        this.#slots.splice(this.#slots.indexOf(slot), 1);
        return { recordedMs: slot.sooner === true ? null : slot.atMs };
      }
    }
    if (first.endings.some((ending) => whatDiffers(ending, seen) === undefined)) {
      this.#slots = [];
      return { recordedMs: null };
    }
    const allowed = [...first.options, ...first.endings];
    const why = allowed.map((option) => whatDiffers(option, seen)).join("; or ");
    const expected = allowed.map(describe).join("\n         or ");
    return { mismatch: this.#mismatch(first.index, expected, describe(seen), why) };
  }

  /** The mismatch of having waited in vain for what comes next. */
  missed(waitedMs: number): Mismatch {
    const first = this.#slots[0];
    const allowed = first === undefined ? [] : [...first.options, ...first.endings];
    const expected = allowed.map(describe).join("\n         or ");
    return this.#mismatch(first?.index, expected, "nothing", `nothing came for ${Math.round(waitedMs)} ms`);
  }

  #candidates(first: Slot): Slot[] {
    if (first.race === undefined) return [first];
    const open = this.#slots.filter((slot) => slot.race === first.race);
    return open.filter((slot) => !open.some((earlier) => slot.after.includes(earlier.index)));
  }

  #mismatch(event: number | undefined, expected: string, got: string, why: string): Mismatch {
    return { conn: this.#conn, event, expected, got, why };
  }
}

/** The expectations of a scenario, by connection, where `ours` differs from the recording on purpose. */
export function expectationsOf(scenario: Scenario, ours: readonly Difference[]): Map<string, Expectation> {
  const main = serverEvents(toScript(scenario.main));
  const other = scenario.other === undefined ? new Map() : serverEvents(toScript(scenario.other));
  const expectations = new Map<string, Expectation>();
  for (const [conn, steps] of main) {
    const slots = align(scenario.name, steps, other.get(conn) ?? []);
    expectations.set(conn, new Expectation(conn, applyDifferences(slots, ours)));
  }
  return expectations;
}

interface ServerStep {
  readonly index: number;
  readonly event: ServerEvent;
}

function serverEvents(script: readonly ScriptStep[]): Map<string, ServerStep[]> {
  const steps = new Map<string, ServerStep[]>();
  for (const { index, event } of script) {
    const conn = connOf(event);
    const list = steps.get(conn) ?? [];
    steps.set(conn, list);
    if (isServerEvent(event)) list.push({ index, event });
  }
  return steps;
}

function connOf(event: ScriptStep["event"]): string {
  return "conn" in event ? event.conn : httpConn;
}

function isServerEvent(event: ScriptStep["event"]): event is ServerEvent {
  return ["upgrade", "http_response", "recv", "close", "http_res"].includes(event.dir);
}

function align(name: string, main: readonly ServerStep[], other: readonly ServerStep[]): Slot[] {
  const slots = main.map(({ index, event }): Slot => {
    const race = raceOf(name, index);
    return {
      index,
      atMs: event.at_ms,
      options: [event, ...(race?.alsoRight?.(event) ?? [])],
      endings: [],
      race: race?.anyOrder,
      after: race?.after(index) ?? [],
    };
  });
  if (main.length === other.length) alignEvents(slots, other);
  else alignEnding(slots, other);
  return slots;
}

// Where both have the same number of events, each may be as in either, and a stretch that holds the same events
// in another order is a race.
function alignEvents(slots: Slot[], other: readonly ServerStep[]): void {
  const differs = slots.map((slot, at) => !isSame(slot.options[0], other[at]?.event));
  for (let start = 0; start < slots.length; start++) {
    if (!differs[start]) continue;
    let end = start + 1;
    while (differs[end]) end++;
    const here = slots.slice(start, end);
    const there = other.slice(start, end).map((step) => step.event);
    const race = isPermutation(here, there) ? {} : undefined;
    for (const [offset, slot] of here.entries()) {
      const event = there[offset];
      if (event === undefined) continue;
      slots[start + offset] =
        race === undefined ? { ...slot, options: [...slot.options, event] } : { ...slot, race: slot.race ?? race };
    }
    start = end;
  }
}

// Where the other one is shorter because its server closed the connection earlier, that is right as well.
function alignEnding(slots: Slot[], other: readonly ServerStep[]): void {
  const last = other.at(-1)?.event;
  const at = other.length - 1;
  const slot = slots[at];
  if (last?.dir === "close" && slot !== undefined) slots[at] = { ...slot, endings: [...slot.endings, last] };
}

function isPermutation(slots: readonly Slot[], events: readonly ServerEvent[]): boolean {
  const left = [...events];
  for (const slot of slots) {
    const at = left.findIndex((event) => isSame(slot.options[0], event));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return slots.length > 1;
}

function isSame(event: ServerEvent | undefined, other: ServerEvent | undefined): boolean {
  if (event === undefined || other === undefined) return event === other;
  return whatDiffers(event, toSeen(other)) === undefined;
}

/** The event as if a server had just done it. */
export function toSeen(event: ServerEvent): Seen {
  switch (event.dir) {
    case "upgrade":
      return { type: "upgraded", status: event.status, headers: event.headers, head: "" };
    case "http_response":
      return { type: "refused", status: event.status, headers: event.headers, body: event.body };
    case "http_res":
      return { type: "response", status: event.status, headers: event.headers, body: event.body };
    case "close":
      return { type: "closed", code: event.code, reason: event.reason };
    default:
      return event.kind === "text"
        ? { type: "text", text: event.data }
        : { type: event.kind, data: Buffer.from(event.data, "base64") };
  }
}

function applyDifferences(slots: readonly Slot[], differences: readonly Difference[]): Slot[] {
  const applied: Slot[] = [];
  for (const slot of slots) {
    const ours = differences.find((difference) => difference.event === slot.index)?.ours;
    const recorded = slot.options[0];
    if (ours === undefined || recorded === undefined) {
      applied.push(slot);
    } else if ("instead" in ours) {
      const sooner = "sooner" in ours ? { sooner: true } : {};
      applied.push({ ...slot, ...sooner, options: [{ ...recorded, ...ours.instead } as ServerEvent], endings: [] });
    } else if ("endsWith" in ours) {
      const { conn } = recorded as { conn: string };
      const close: CloseEvent = { dir: "close", conn, code: ours.endsWith, reason: "", at_ms: slot.atMs };
      applied.push({ ...slot, options: [], endings: [close] });
      return applied;
    }
  }
  return applied;
}
