import { expect, test } from "vitest";
import { readScenario } from "./recording.ts";
import { type Footprint, footprintOf, runApart } from "./schedule.ts";
import { toScript } from "./script.ts";

const footprint = (hears: string[], says: string[]): Footprint => ({ hears: new Set(hears), says: new Set(says) });

test("those that would hear each other run one after the other, others together, results in their order", async () => {
  const log: string[] = [];
  const task = (name: string, feet: Footprint) => ({
    footprint: feet,
    run: async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends`);
      return name;
    },
  });
  const results = await runApart([
    task("speaker", footprint([], ["t"])),
    task("listener", footprint(["t"], [])),
    task("stranger", footprint(["other"], [])),
  ]);
  expect(results).toEqual(["speaker", "listener", "stranger"]);
  expect(log.slice(0, 2)).toEqual(["speaker begins", "stranger begins"]);
  expect(log.indexOf("listener begins")).toBeGreaterThan(log.indexOf("speaker ends"));
});

test("what recordings hear and say is read from their events", () => {
  const { hears, says } = footprintOf(toScript(readScenario("v1-broadcast").main));
  expect([...hears].sort()).toEqual(["echo:1", "echo:2"]);
  expect([...says].sort()).toEqual(["echo:1", "log:terminate"]);
  const disconnect = footprintOf(toScript(readScenario("v2-disconnect-broadcast").main));
  expect(disconnect.hears).toContain("id of a user");
  expect(disconnect.says).toContain("id of a user");
  expect(footprintOf(toScript(readScenario("v2-subscribe-other-topic").main)).hears).toContain("room");
  expect(footprintOf(toScript(readScenario("v2-terminate-reasons").main)).hears).toContain("log:terminate");
  expect(footprintOf(toScript(readScenario("v1-idle-timeout").main)).says).toContain("echo:idle2");
});
