/**
 * Sees to the programs the tests drive that npm can't install.
 *
 * As root on Debian (a CI machine, a container) it installs them; anywhere else it uses what is there, and where
 * nothing is there the group is skipped with the command that enables it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { chromiumMissing, chromiumPath } from "./chromium.ts";
import { redisServerMissing, redisServerPath } from "./redis.ts";
import { command, type Outcome } from "./steps.ts";

/** A program or library, the Debian package that carries it, and how to tell that it is here. */
interface Requirement {
  debianPackage: string;
  find(): string | null;
  enable: string;
}

const requirements: readonly Requirement[] = [
  {
    debianPackage: "chromium",
    find: () => chromiumPath({ ...process.env, REQUIRE_ALL: "0" }),
    enable: chromiumMissing,
  },
  {
    debianPackage: "libatomic1",
    find: () => (process.platform === "linux" ? sharedLibrary("libatomic.so.1") : ""),
    enable: "install libatomic (Debian: apt-get install libatomic1), which Node 26 is linked against",
  },
  {
    debianPackage: "redis-server",
    find: () => redisServerPath({ ...process.env, REQUIRE_ALL: "0" }),
    enable: redisServerMissing,
  },
];

/** Installs or finds every program the tests need. `cwd` is the folder commands run in. */
export async function systemPackages(cwd: string, live: boolean): Promise<Outcome> {
  const missing = requirements.filter((requirement) => requirement.find() === null);
  if (missing.length === 0) return { status: "passed" };
  if (!mayInstall()) return { status: "skipped", enable: missing.map(({ enable }) => enable).join("; ") };

  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) =>
    command("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", ...args], { cwd, live, env });
  const updated = await apt("update");
  const packages = missing.map(({ debianPackage }) => debianPackage);
  const installed = await apt("install", "--yes", "--no-install-recommends", ...packages);
  if (installed.status === "passed" && missing.every((requirement) => requirement.find() !== null)) return installed;
  const outputs = [updated, installed].map((outcome) => ("output" in outcome ? (outcome.output ?? "") : ""));
  return { status: "failed", output: `${outputs.join("\n")}\napt-get could not install ${packages.join(", ")}` };
}

/** A shared library's path, looked for where distributions of Linux keep them. */
function sharedLibrary(name: string): string | null {
  const triplet = `${{ x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch}-linux-gnu`;
  const folders = [`/usr/lib/${triplet}`, `/lib/${triplet}`, "/usr/lib64", "/lib64", "/usr/lib", "/lib"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

function mayInstall(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
}
