/**
 * Finds the Chromium the browser tests drive, and says how to get one where there is none.
 *
 * A test file asks `chromiumPath()` and skips with `chromiumMissing` when it answers null:
 *
 * @example
 * const chromium = chromiumPath();
 * describe.skipIf(chromium === null)(`the page in a browser (${chromiumMissing})`, () => { ... });
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome"];

/** How to make a Chromium known, for a skip's reason. */
export const chromiumMissing: string =
  process.platform === "linux"
    ? "install one (Debian: apt-get install chromium) or set PORTCULLIS_CHROMIUM to its path"
    : "install Chrome or Chromium, or set PORTCULLIS_CHROMIUM to its path";

/**
 * Path of the Chromium or Chrome to drive, or null where there is none.
 *
 * Looks at `PORTCULLIS_CHROMIUM`, then at PATH, then at the places macOS and Windows put it. Throws if
 * `PORTCULLIS_CHROMIUM` names a file that isn't there, and, with `REQUIRE_ALL=1`, instead of answering null: on
 * the machine that must test everything, a missing browser is a failure.
 */
export function chromiumPath(env: NodeJS.ProcessEnv = process.env): string | null {
  const named = env["PORTCULLIS_CHROMIUM"];
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(`PORTCULLIS_CHROMIUM names ${named}, which doesn't exist: ${chromiumMissing}`);
  }
  const found = candidates(env).find((path) => existsSync(path));
  if (found) return found;
  if (env["REQUIRE_ALL"] === "1") throw new Error(`Chromium is not installed: ${chromiumMissing}`);
  return null;
}

/** Arguments a Chromium needs here: its sandbox refuses to start for root, which is who runs in a container. */
export function chromiumArguments(): string[] {
  return process.getuid?.() === 0 ? ["--no-sandbox"] : [];
}

function candidates(env: NodeJS.ProcessEnv): string[] {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const folders = (env["PATH"] ?? env["Path"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const onPath = names.flatMap((name) => folders.map((folder) => join(folder, name + suffix)));
  if (process.platform === "darwin") {
    return [
      ...onPath,
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ];
  }
  if (process.platform === "win32") {
    const roots = [env["PROGRAMFILES"], env["PROGRAMFILES(X86)"], env["LOCALAPPDATA"]].filter((root) => root != null);
    return [
      ...onPath,
      ...roots.map((root) => join(root, "Google", "Chrome", "Application", "chrome.exe")),
      ...roots.map((root) => join(root, "Chromium", "Application", "chrome.exe")),
    ];
  }
  return onPath;
}
