/** When, on what and beside what something was measured: what every file of results begins with. */
import { createRequire } from "node:module";
import type { Scale } from "../workloads.ts";
import { canPin } from "./child.ts";
import { describeMachine, loadNow, type Machine } from "./machine.ts";

export interface Circumstances {
  readonly measuredAt: string;
  readonly scale: Scale;
  readonly machine: Machine;
  readonly pinned: boolean;
  readonly loadAtStart: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** The circumstances of what is measured from now on, with packages that take part. */
export function circumstances(scale: Scale, packages: readonly string[]): Circumstances {
  return {
    measuredAt: new Date().toISOString(),
    scale,
    machine: describeMachine(),
    pinned: canPin(),
    loadAtStart: loadNow(),
    versions: versions(packages),
  };
}

function versions(packages: readonly string[]): Record<string, string> {
  const require = createRequire(import.meta.url);
  return Object.fromEntries(
    packages.map((name) => [name, (require(`${name}/package.json`) as { version: string }).version]),
  );
}
