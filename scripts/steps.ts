/**
 * Runs the checks of `npm test` one group after the other, keeps going after a failure and sums up at the end.
 *
 * A step that has the machine to itself writes straight to the terminal; steps that share it are buffered,
 * so that two checks never mix their lines, and a green one prints nothing but its heading.
 */
import { spawn } from "node:child_process";

/** What became of one step. A skip says what enables the group, because nobody looks for what is not named. */
export type Outcome = { status: "passed" | "failed"; output?: string } | { status: "skipped"; enable: string };

/** One check: a heading and what it does. `live` tells it whether it may write to the terminal itself. */
export interface Step {
  title: string;
  run(live: boolean): Promise<Outcome>;
  /** Titles of steps this one is worthless without. If one of them failed, this one fails unrun. */
  needs?: readonly string[];
}

/** A finished step, as the summary shows it. */
export interface Finished {
  title: string;
  outcome: Outcome;
  durationMs: number;
}

export interface CommandOptions {
  cwd: string;
  live: boolean;
  env?: NodeJS.ProcessEnv;
}

/** Runs a command to its end. Never throws for a failing command; a command that can't start is a failure too. */
export function command(file: string, args: readonly string[], options: CommandOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      // npm and npx are batch files on Windows, which only a shell can start.
      shell: process.platform === "win32" && !file.endsWith(".exe"),
      stdio: options.live ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.once("error", (error) => resolve({ status: "failed", output: `${file} did not start: ${error.message}` }));
    child.once("close", (code, signal) => {
      const output = Buffer.concat(chunks).toString();
      if (code === 0) resolve({ status: "passed", output });
      else resolve({ status: "failed", output: `${output}\n${file} ended with ${signal ?? `exit code ${code}`}` });
    });
  });
}

/** Runs groups in order and the steps of a group side by side, `lanes` at a time. */
export async function runGroups(
  groups: readonly (readonly Step[])[],
  lanes: number,
  write: (text: string) => void,
): Promise<Finished[]> {
  const finished: Finished[] = [];
  const failed = (title: string) => finished.some((step) => step.title === title && step.outcome.status === "failed");

  const runOne = async (step: Step, live: boolean) => {
    const start = performance.now();
    const missing = (step.needs ?? []).filter(failed);
    if (live) write(heading(step.title));
    const outcome: Outcome =
      missing.length > 0
        ? { status: "failed", output: `Not run, because this failed: ${missing.join(", ")}` }
        : await step.run(live).catch((error: unknown): Outcome => ({ status: "failed", output: describe(error) }));
    finished.push({ title: step.title, outcome, durationMs: performance.now() - start });
    if (!live) write(heading(step.title));
    write(report(outcome));
  };

  for (const group of groups) {
    const waiting = [...group];
    const live = group.length === 1;
    const lane = async () => {
      for (let step = waiting.shift(); step; step = waiting.shift()) await runOne(step, live);
    };
    await Promise.all(Array.from({ length: Math.min(lanes, group.length) }, lane));
  }
  return finished;
}

/** The table at the end. With `requireAll`, what was skipped counts as failed. */
export function summary(finished: readonly Finished[], requireAll: boolean): { text: string; passed: boolean } {
  const width = Math.max(...finished.map((step) => step.title.length));
  const lines = finished.map(({ title, outcome, durationMs }) => {
    const note = outcome.status === "skipped" ? `  enable it: ${outcome.enable}` : "";
    return `  ${outcome.status.padEnd(7)}  ${title.padEnd(width)}  ${seconds(durationMs)}${note}`;
  });
  const failures = finished.filter(
    ({ outcome }) => outcome.status === "failed" || (requireAll && outcome.status === "skipped"),
  );
  const skips = finished.filter(({ outcome }) => outcome.status === "skipped").length;
  if (requireAll && skips > 0) lines.push("", "REQUIRE_ALL=1: a skipped group counts as failed.");
  lines.push("", failures.length === 0 ? "Everything passed." : `${failures.length} of ${finished.length} failed.`);
  if (failures.length === 0 && skips > 0) lines[lines.length - 1] = `Everything that ran passed; ${skips} skipped.`;
  return { text: `${heading("Summary")}${lines.join("\n")}\n`, passed: failures.length === 0 };
}

function report(outcome: Outcome): string {
  if (outcome.status === "skipped") return `skipped; to enable it: ${outcome.enable}\n`;
  if (outcome.status === "passed") return "passed\n";
  return `${outcome.output?.trim() ?? ""}\nFAILED\n`;
}

function heading(title: string): string {
  return `\n${"=".repeat(8)} ${title} ${"=".repeat(Math.max(4, 80 - title.length))}\n`;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`.padStart(8);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
