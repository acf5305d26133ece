/** The lockfiles: installable from any registry, on every platform people work on. */
import type { Rule } from "../source.ts";

/** The parts of a lockfile the rules read. */
interface Lock {
  packages: Record<string, LockedPackage>;
}

interface LockedPackage {
  resolved?: string;
  optionalDependencies?: Record<string, string>;
  os?: string[];
  cpu?: string[];
  link?: boolean;
}

const platforms = [
  { os: "darwin", cpu: "arm64" },
  { os: "linux", cpu: "arm64" },
  { os: "win32", cpu: "x64" },
];

/** No download address in a lockfile: which registry answers is up to whoever installs. */
export const locksHoldNoAddresses: Rule = (files) =>
  locks(files).flatMap(({ path, lock }) =>
    Object.entries(lock.packages)
      .filter(([, { resolved, link }]) => resolved !== undefined && !link)
      .map(([name]) => `${path}: ${name} has a download address; set omit-lockfile-registry-resolved and lock afresh.`),
  );

/** What has a binary for linux-x64 has one for the other platforms too: npm drops them if it locks over node_modules. */
export const locksHoldEveryPlatform: Rule = (files) =>
  locks(files).flatMap(({ path, lock }) =>
    Object.entries(lock.packages).flatMap(([name, { optionalDependencies = {} }]) => {
      const binaries = Object.keys(optionalDependencies).flatMap((dependency) => {
        const nested = lock.packages[`${name}/node_modules/${dependency}`];
        const locked = nested ?? lock.packages[`node_modules/${dependency}`];
        return locked ? [locked] : [];
      });
      const covers = (os: string, cpu: string) =>
        binaries.some((binary) => binary.os?.includes(os) && binary.cpu?.includes(cpu));
      if (!covers("linux", "x64")) return [];
      return platforms
        .filter(({ os, cpu }) => !covers(os, cpu))
        .map(({ os, cpu }) => `${path}: ${name || "the root"} has a binary for linux-x64 and none for ${os}-${cpu}.`);
    }),
  );

function locks(files: Parameters<Rule>[0]): { path: string; lock: Lock }[] {
  return files
    .filter(({ path }) => /(^|\/)package-lock\.json$/.test(path))
    .map(({ path, text }) => ({ path, lock: JSON.parse(text) as Lock }));
}
