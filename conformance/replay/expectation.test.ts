import { describe, expect, test } from "vitest";
import type { Seen } from "./compare.ts";
import { type Difference, differences } from "./differences.ts";
import { expectationsOf, httpConn, toSeen } from "./expectation.ts";
import { readScenario, recordingNames, type Scenario, type ServerEvent } from "./recording.ts";
import { type ScriptStep, toScript } from "./script.ts";

const names = recordingNames();

interface Done {
  readonly index: number;
  readonly conn: string;
  readonly event: ServerEvent;
}

/** What the server of a recording did, as a server under test would have done it. */
function doneIn(steps: readonly ScriptStep[]): Done[] {
  const kinds = ["upgrade", "http_response", "recv", "close", "http_res"];
  return steps.flatMap(({ index, event }) => {
    const conn = "conn" in event ? event.conn : httpConn;
    return kinds.includes(event.dir) ? [{ index, conn, event: event as ServerEvent }] : [];
  });
}

/** The index of the first event an expectation objects to, or what is still missing at the end. */
function verdictOn(
  scenario: Scenario,
  done: readonly { conn: string; seen: Seen; index: number }[],
  ours: readonly Difference[] = [],
) {
  const expectations = expectationsOf(scenario, ours);
  for (const { conn, seen, index } of done) {
    const judgement = expectations.get(conn)?.see(seen);
    if (judgement === undefined || "mismatch" in judgement) return `event ${index} on ${conn}`;
  }
  for (const [conn, expectation] of expectations) {
    if (expectation.nextBefore(Number.POSITIVE_INFINITY) !== undefined) return `something is missing on ${conn}`;
  }
  return "same";
}

const asSeen = (done: readonly Done[]) => done.map(({ conn, event, index }) => ({ conn, index, seen: toSeen(event) }));

/** The same event, a little wrong. */
function spoilt(seen: Seen): Seen {
  switch (seen.type) {
    case "upgraded":
      return { type: "refused", status: 403, headers: {}, body: "" };
    case "refused":
    case "response":
      return { ...seen, status: seen.status + 1 };
    case "text":
      return { ...seen, text: seen.text.replace(/.$/s, (last) => (last === "}" ? ',"extra":1}' : ',"extra"]')) };
    case "closed":
      return { ...seen, code: 4000 };
    case "broken":
    case "unreachable":
      return seen;
    default:
      return { ...seen, data: Buffer.concat([seen.data, Buffer.from([0])]) };
  }
}

describe.each(names)("%s", (name) => {
  const scenario = readScenario(name);
  const done = asSeen(doneIn(toScript(scenario.main)));

  test("Cowboy does what Cowboy did, and Bandit is right as well", () => {
    expect(verdictOn(scenario, done)).toBe("same");
    // Three clients join at once there, and each server tells them of each other in an order of its own.
    if (scenario.other === undefined || name === "v2-presence-simultaneous") return;
    expect(verdictOn(scenario, asSeen(doneIn(toScript(scenario.other))))).toBe("same");
  });

  test("a change of any event is noticed, and so is any event too few or too many", () => {
    for (const [at, { seen, conn, index }] of done.entries()) {
      const changed = done.with(at, { seen: spoilt(seen), conn, index });
      expect(verdictOn(scenario, changed)).toContain(`event ${index} on ${conn}`);
      const fewer = done.toSpliced(at, 1);
      expect(verdictOn(scenario, fewer)).not.toBe("same");
    }
    const last = done.at(-1);
    if (last !== undefined) expect(verdictOn(scenario, [...done, last])).not.toBe("same");
  });
});

describe("the differences on purpose", () => {
  const inKind = differences.filter(({ ours }) => !("sooner" in ours && Object.keys(ours.instead).length === 0));

  test.each(inKind)("$recording, event $event: Phoenix fails where ours is expected", (difference) => {
    const scenario = { ...readScenario(difference.recording), other: undefined };
    const done = asSeen(doneIn(toScript(scenario.main)));
    expect(verdictOn(scenario, done, [difference])).toContain(`event ${difference.event} on`);
  });

  test("what may come sooner has no time at which it has to come, and is else as recorded", () => {
    const inTime = differences.filter((difference) => !inKind.includes(difference));
    expect(inTime.length).toBeGreaterThan(20);
    for (const difference of inTime) {
      const scenario = { ...readScenario(difference.recording), other: undefined };
      const done = asSeen(doneIn(toScript(scenario.main)));
      const [ours, phoenix] = [[difference], []].map((list) => expectationsOf(scenario, list).get(httpConn));
      for (const { index, seen } of done) {
        const judged = ours?.see(seen);
        expect(judged).toEqual(index === difference.event ? { recordedMs: null } : phoenix?.see(seen));
        if (index === difference.event) phoenix?.see(seen);
      }
    }
  });

  test("are each listed once and belong to a recording that is replayed", () => {
    const keys = differences.map(({ recording, event }) => `${recording} ${event}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(differences.filter(({ recording }) => !names.includes(recording))).toEqual([]);
  });
});

test("of racing events each has to come once", () => {
  const scenario = readScenario("v2-duplicate-join");
  const done = asSeen(doneIn(toScript(scenario.main)));
  const at = (event: number) => done.findIndex(({ index }) => index === event);
  const reordered = [33, 36, 34, 37, 35, 38].flatMap((event) => done[at(event)] ?? []);
  const before = done.slice(0, at(33));
  const after = done.slice(at(38) + 1);
  expect(verdictOn(scenario, [...before, ...reordered, ...after])).toBe("same");
  const closedFirst = [36, 33, 34, 37, 35, 38].flatMap((event) => done[at(event)] ?? []);
  expect(verdictOn(scenario, [...before, ...closedFirst, ...after])).toBe("event 36 on a");
});
