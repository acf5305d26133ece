/** Log lines that can be provoked from outside: one a kind and second, with a count. */

import { describe, expect, test, vi } from "vitest";
import { consoleLogger, LimitedLog, silentLogger } from "../../src/telemetry/logger.ts";
import { FakeClock } from "../support/clock.ts";
import { RecordingLogger } from "../support/world.ts";

function setUp(): { log: LimitedLog; logger: RecordingLogger; clock: FakeClock; lines: () => readonly string[] } {
  const [logger, clock] = [new RecordingLogger(), new FakeClock()];
  let taken = 0;
  const lines = (): readonly string[] => {
    const fresh = logger.lines.slice(taken).map(({ level, message }) => `${level} ${message}`);
    taken = logger.lines.length;
    return fresh;
  };
  return { log: new LimitedLog(logger, clock), logger, clock, lines };
}

test("the first at once, the others of its second as one line with their number", () => {
  const { log, clock, lines } = setUp();
  for (let n = 1; n <= 5; n += 1) log.write("warn", "kind", () => `number ${n}`);
  expect(lines()).toEqual(["warn number 1"]);
  clock.advance(999);
  expect(lines()).toEqual([]);
  clock.advance(1);
  expect(lines()).toEqual(["warn number 5 (4 more like it within a second)"]);
});

test("one that stays alone gets no second line", () => {
  const { log, clock, lines } = setUp();
  log.write("error", "kind", () => "alone");
  clock.advance(10_000);
  expect(lines()).toEqual(["error alone"]);
  expect(clock.pending).toBe(0);
  log.write("error", "kind", () => "again");
  expect(lines()).toEqual(["error again"]);
});

test("a flood is one line a second for as long as it lasts, and every one of it is counted", () => {
  const { log, clock, logger } = setUp();
  for (let tenth = 0; tenth < 100; tenth += 1) {
    log.write("warn", "kind", () => "flood");
    clock.advance(100);
  }
  clock.advance(1_000);
  expect(logger.lines).toHaveLength(11);
  const counted = logger.lines.map(({ message }) => Number(/\((\d+) more/.exec(message)?.[1] ?? 1));
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(100);
  clock.advance(1_000);
  expect(clock.pending).toBe(0);
});

test("each kind has a second of its own", () => {
  const { log, clock, lines } = setUp();
  log.write("warn", "a", () => "a");
  clock.advance(900);
  log.write("warn", "b", () => "b");
  log.write("warn", "b", () => "b");
  log.write("error", "c", () => "c");
  expect(lines()).toEqual(["warn a", "warn b", "error c"]);
  clock.advance(100);
  expect(lines()).toEqual([]);
  clock.advance(900);
  expect(lines()).toEqual(["warn b (1 more like it within a second)"]);
});

test("a message is built for lines that are written, and for no other", () => {
  const { log, clock } = setUp();
  const message = vi.fn(() => "text");
  for (let n = 0; n < 1_000; n += 1) log.write("warn", "kind", message);
  clock.advance(1_000);
  expect(message).toHaveBeenCalledTimes(2);
});

test("details go with the first line", () => {
  const { log, clock, logger } = setUp();
  const error = new Error("boom");
  log.write("error", "kind", () => "text", { error });
  log.write("error", "kind", () => "text", { error: new Error("other") });
  clock.advance(1_000);
  expect(logger.lines.map(({ details }) => details)).toEqual([{ error }, undefined]);
});

test("a flood of kinds is no flood of lines", () => {
  const { log, clock, lines } = setUp();
  for (let n = 0; n < 10_000; n += 1) log.write("warn", `kind ${n}`, () => `kind ${n}`);
  expect(lines()).toHaveLength(101);
  expect(clock.pending).toBe(101);
  log.write("warn", "kind 5", () => "known");
  clock.advance(1_000);
  expect(lines()).toEqual([
    "warn known (1 more like it within a second)",
    "warn kind 9999 (9899 more like it within a second)",
  ]);
  clock.advance(1_000);
  expect(clock.pending).toBe(0);
});

test("flush writes what is counted, and stops the clock", () => {
  const { log, clock, lines } = setUp();
  for (let n = 0; n < 3; n += 1) log.write("warn", "a", () => "a");
  log.write("warn", "b", () => "b");
  lines();
  log.flush();
  expect(lines()).toEqual(["warn a (2 more like it within a second)"]);
  expect(clock.pending).toBe(0);
  log.flush();
  clock.advance(5_000);
  expect(lines()).toEqual([]);
});

describe("loggers", () => {
  test("the silent one says nothing; the console's says warnings and errors", () => {
    const spies = (["debug", "info", "log", "warn", "error"] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation(() => {}),
    );
    try {
      for (const logger of [silentLogger, consoleLogger]) {
        logger.debug("debug");
        logger.info("info");
        logger.warn("warn");
        logger.error("error", { a: 1 });
      }
      expect(spies.map((spy) => spy.mock.calls)).toEqual([[], [], [], [["warn"]], [["error", { a: 1 }]]]);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
});

test("what a logger throws ends nobody, neither the writer nor the clock", () => {
  const tried: string[] = [];
  const refuse = (message: string): never => {
    tried.push(message);
    throw new Error("the disk is full");
  };
  const clock = new FakeClock();
  const log = new LimitedLog({ debug: refuse, info: refuse, warn: refuse, error: refuse }, clock);
  log.write("error", "kind", () => "first", { error: new Error("of a handler") });
  log.write("error", "kind", () => "second");
  clock.advance(1_000);
  log.write("warn", "other", () => "third");
  log.flush();
  expect(tried).toEqual(["first", "second (1 more like it within a second)", "third"]);
});
