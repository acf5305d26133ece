/** Starts one server and one generator, each in its own process and, where possible, on its own core. */
import type { Job } from "../generator/generate.ts";
import type { Outcome } from "../generator/outcome.ts";
import { appTokenSalt, benchSecretKeyBase } from "../scenario.ts";
import { type ServerName, serverEntry } from "../servers/catalogue.ts";
import { peerFile } from "../servers/peers.ts";
import type { Workload } from "../workloads.ts";
import { Child, processFile } from "./child.ts";

export interface LaunchOptions {
  /** Arguments for `node` in every process. */
  readonly nodeArguments?: readonly string[];
  /** Where the server writes a profile of the measured window; left out, it makes none. */
  readonly profileFile?: string;
  /** Server on core 0, generator on core 1; `canPin` tells whether the machine can. */
  readonly pin?: boolean;
  readonly external?: ExternalServer | undefined;
}

/** A server that is there already. */
export interface ExternalServer {
  /** Where its socket is, as its clients have it: `ws://host:port/socket`. */
  readonly url: string;
  /** Its process, if that is on this machine. */
  readonly pid?: number | undefined;
}

/** One more process that plays clients, on core 1 where processes are pinned. */
export function startGenerator(file: string, job: object, { nodeArguments = [], pin = false }: LaunchOptions): Child {
  return new Child({
    name: "generator",
    file: processFile(file),
    args: [JSON.stringify(job)],
    nodeArguments,
    core: pin ? 1 : undefined,
  });
}

/** One run. Throws when a process fails; a run that lost messages is an outcome, not a failure. */
export async function launch(server: ServerName, workload: Workload, options: LaunchOptions = {}): Promise<Outcome> {
  const { external } = options;
  const entry = serverEntry(server);
  if (entry.external) {
    if (external === undefined) {
      throw new TypeError(`Expected the address of ${entry.title}: it is not started here.`);
    }
    return generateIn(options, { workload, dialect: entry.dialect, ...addressOf(external) });
  }
  const serverProcess = startServerProcess(server, options);
  try {
    const listening = await serverProcess.next<Listening>();
    const { profileFile } = options;
    return await generateIn(options, { workload, dialect: entry.dialect, ...listening, profileFile });
  } finally {
    await serverProcess.stop();
  }
}

/** What a server's process says once it serves. */
export interface Listening {
  readonly port: number;
  readonly controlPort: number;
  readonly pid: number;
}

function startServerProcess(server: ServerName, { nodeArguments = [], pin = false }: LaunchOptions): Child {
  const { peer, runsUnderPeer } = serverEntry(server);
  // Bun reads TypeScript by itself, and takes what else is for `node` for something of its own.
  const forBun = nodeArguments.filter((argument) => argument.startsWith("--conditions="));
  return new Child({
    name: server,
    file: processFile("servers/process"),
    args: [server],
    nodeArguments: peer === "bun" ? forBun : nodeArguments,
    binary: peer !== undefined && runsUnderPeer ? peerFile(peer) : undefined,
    core: pin ? 0 : undefined,
  });
}

async function generateIn(options: LaunchOptions, job: Job): Promise<Outcome> {
  const generator = startGenerator("generator/process", job, options);
  try {
    return await generator.next<Outcome>();
  } finally {
    await generator.stop();
  }
}

/** The application's tokens are signed with its own secret, which whoever started it knows. */
function addressOf({ url, pid }: ExternalServer): Omit<Job, "workload" | "dialect"> {
  const { hostname, port, pathname } = new URL(url);
  const secretKeyBase = process.env["SECRET_KEY_BASE"] ?? benchSecretKeyBase;
  return {
    host: hostname,
    port: Number(port || 80),
    mount: pathname.replace(/\/$/, ""),
    credential: { secretKeyBase, salt: appTokenSalt },
    pid,
  };
}
