/** Sums up what V8's sampling profiler wrote: self time by function, the idle time left out. */
import { readFileSync } from "node:fs";

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Waiting for something to do: V8 says so itself, or files it under the call that started the profiler. */
const waiting: ReadonlySet<string> = new Set(["(idle)", "dispatch"]);

/** The functions that took most, with their share of the busy time. */
export function topFunctions(file: string, count: number): string {
  const profile = JSON.parse(readFileSync(file, "utf8")) as CpuProfile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]));
  const selfUs = new Map<string, number>();
  let busyUs = 0;
  for (const [index, sample] of profile.samples.entries()) {
    const name = names.get(sample) ?? "?";
    const us = profile.timeDeltas[index] ?? 0;
    if (!waiting.has(name)) {
      busyUs += us;
      selfUs.set(name, (selfUs.get(name) ?? 0) + us);
    }
  }
  return [...selfUs]
    .sort(([, left], [, right]) => right - left)
    .slice(0, count)
    .map(([name, us]) => `${((us / busyUs) * 100).toFixed(1).padStart(6)} %  ${name}`)
    .join("\n");
}

function frameName({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  const place = url.replace(/^.*\/(node_modules|packages|bench)\//, "");
  return place === "" ? name : `${name}  ${place}:${lineNumber + 1}`;
}
