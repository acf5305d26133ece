/** One sentence on what a part of the page was measured with, and one on what else the machine did. */
import type { Circumstances } from "../runner/circumstances.ts";
import { median } from "../runner/statistics.ts";

/** What a run tells of its neighbours. */
interface Shared {
  readonly wallMs: number;
  readonly othersCpuUs: number | null;
}

const disturbedShare = 0.05;

export function measuredOn(
  { machine, versions, measuredAt, loadAtStart, pinned, scale }: Circumstances,
  generators: number,
): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `- ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, kernel ${machine.kernel}, Node ${machine.node}; ${packages.join(", ")}. Measured ${measuredAt.slice(0, 10)}${scale === "full" ? "" : ` (a ${scale} run)`}, load average at the start ${loadAtStart.toFixed(2)}. Loopback, no TLS, no compression. ${pinned ? `All of the server's processes share one core, the ${generators} generators another.` : "Nothing was pinned to a core."}`;
}

/** What the neighbours took. Nothing where the system does not tell. */
export function disturbance(runs: readonly Shared[]): readonly string[] {
  const shares = runs.flatMap(({ wallMs, othersCpuUs }) =>
    othersCpuUs === null ? [] : [othersCpuUs / wallMs / 1_000],
  );
  if (shares.length === 0) return [];
  const share = median(shares);
  const line = `Other processes used ${Math.round(share * 100)} % of a core during the median run.`;
  return [
    share > disturbedShare
      ? `- **Provisional times**. ${line} Bytes and frames are counts and don't mind; times and CPU do.`
      : `- ${line}`,
  ];
}
