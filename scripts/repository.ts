/** Where things lie in the repository, for the scripts and for the tests that look at the repository itself. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder, without a slash at the end. */
export const root: string = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");

/** The library's folder. */
export const libraryFolder: string = join(root, "packages", "portcullis");

/** The bin scripts of TypeScript 7, which builds and checks everything, and of 5.9, the oldest supported one. */
export const compilers: { readonly typescript7: string; readonly typescript59: string } = {
  typescript7: join(root, "node_modules", "typescript", "bin", "tsc"),
  typescript59: join(root, "node_modules", "typescript-5.9", "bin", "tsc"),
};

/** The environment without npm's own variables, so that an npm started from an npm script starts afresh. */
export function environmentWithoutNpm(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || isSetByPeople(name));
  return Object.fromEntries(kept);
}

/** Every file that is in git or would be with the next `git add`, with forward slashes, relative to the root. */
export function trackedFiles(): string[] {
  return (fromGit() ?? fromDisk(root)).filter((path) => existsSync(join(root, path))).sort();
}

function fromGit(): string[] | null {
  try {
    const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    return execFileSync("git", args, {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      stdio: ["ignore", "pipe", "ignore"],
    })
      .split("\0")
      .filter((path) => path !== "");
  } catch {
    return null; // No git, or a tarball without its history.
  }
}

function fromDisk(folder: string): string[] {
  const ignored = ignoredNames();
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .split(sep),
    )
    .filter((segments) => !segments.some((segment) => ignored.has(segment)))
    .map((segments) => segments.join("/"));
}

function ignoredNames(): Set<string> {
  const lines = readFileSync(join(root, ".gitignore"), "utf8").split("\n");
  const folders = lines.map((line) => line.trim().replace(/\/$/, "")).filter((line) => /^[\w.-]+$/.test(line));
  return new Set([".git", ...folders]);
}

function isSetByPeople(name: string): boolean {
  return /^npm_config_(userconfig|globalconfig|cafile|registry|cache|proxy|https_proxy|noproxy)$/i.test(name);
}
