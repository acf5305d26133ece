/** The peers that are big binaries: no dependency of the workspace, installed when somebody wants to measure against them. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const installCommand = "npm run bench -- --install-peers";

export const peersFolder = fileURLToPath(new URL("../../peers", import.meta.url));
/** The Node versions the wire tests run under too, so that there is one place that says which. */
const nodesFolder = fileURLToPath(new URL("../../../scripts/node-lts", import.meta.url));

export type PeerName = "bun" | "uws" | "node-26";

const windows = process.platform === "win32";
/** As Bun's packages have it. */
const bunArchitecture = process.arch === "arm64" ? "aarch64" : process.arch;

/** The file that makes a peer run: a runtime's binary, or a library's. */
export function peerFile(peer: PeerName): string {
  switch (peer) {
    case "bun": {
      const name = `bun-${windows ? "windows" : process.platform}-${bunArchitecture}`;
      return join(peersFolder, "node_modules", "@oven", name, "bin", windows ? "bun.exe" : "bun");
    }
    case "uws":
      return uwsBinary();
    case "node-26": {
      const name = `node-26-${process.platform}-${process.arch}`;
      return join(nodesFolder, "node_modules", name, "bin", windows ? "node.exe" : "node");
    }
  }
}

/** Built for one ABI each: where there is none for this Node, the peer is not installed. */
export function uwsBinary(): string {
  const { modules } = process.versions;
  const name = `uws_${process.platform}_${process.arch}_${modules}.node`;
  return join(peersFolder, "node_modules", "@trufflesuite", "uws-js-unofficial", "binaries", name);
}

export function isInstalled(peer: PeerName): boolean {
  return existsSync(peerFile(peer));
}

/** Of the package as npm installed it: each has its file in a folder of its own. */
export function peerVersion(peer: PeerName): string {
  const file = join(dirname(dirname(peerFile(peer))), "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** Throws when npm fails; a peer that has no binary for this platform is left out by npm and is no failure. */
export function installPeers(): void {
  // What npm tells the script it runs would make the npm below work on the workspace.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  // `npm test` installs the Nodes too: then they are there, and a run of it may be using them.
  for (const cwd of [peersFolder, ...(isInstalled("node-26") ? [] : [nodesFolder])]) {
    const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    const { status } = spawnSync("npm", args, { cwd, env, stdio: "inherit", shell: windows });
    if (status !== 0) {
      throw new Error(`npm could not install the peers (code ${status}); its output above says why.`);
    }
  }
}
