/** One generation of the server, as a worker of the supervisor's cluster: listens, and drains on SIGTERM. */
import { defineEndpoint, defineSocket, signedToken, silentLogger } from "portcullis";
import { difference } from "../generator/window.ts";
import { benchSecretKeyBase, monotonicUs, tokenMaxAgeSeconds, tokenSalt } from "../scenario.ts";
import { type CpuReading, readCpu } from "../servers/control.ts";
import { Ledger, type Note } from "./ledger.ts";
import type { Deploy } from "./plan.ts";

export interface WorkerJob {
  readonly deploy: Deploy;
  readonly port: number;
  readonly ledgerFile: string;
}

export interface WorkerReport {
  /** When each connection was let in. */
  readonly acceptedAtUs: readonly number[];
  /** Upgrades answered 503, because it was going. */
  readonly refused: number;
  /** Of the one that goes: since it was told to. Of the one that comes: since it listened. */
  readonly cpu: CpuReading;
  /** Of the whole process, its start included. */
  readonly cpuFromStart: CpuReading;
}

/** What a worker tells its supervisor. */
export type WorkerMessage =
  | { readonly kind: "listening" }
  | { readonly kind: "emptied"; readonly report: WorkerReport }
  | { readonly kind: "report"; readonly report: WorkerReport };

const { deploy, port, ledgerFile } = JSON.parse(process.argv[2] ?? "null") as WorkerJob;
const ledger = new Ledger(ledgerFile);
const acceptedAtUs: number[] = [];
let refused = 0;
let draining = false;
let since: CpuReading = { userUs: 0, systemUs: 0 };

const userSocket = defineSocket({
  authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: tokenMaxAgeSeconds }),
  connect({ identity }) {
    return { userId: identity.subject };
  },
});
const room = userSocket.channel("room:{name}", { authorize: "everyone" }).on({
  note(payload) {
    ledger.write(payload as Note);
    return {};
  },
});
const endpoint = defineEndpoint({
  url: { host: "127.0.0.1" },
  secretKeyBase: benchSecretKeyBase,
  sockets: {
    "/socket": { socket: userSocket, channels: [room], ...(deploy.drain === null ? {} : { drain: deploy.drain }) },
  },
  // Thousands of refusals are what this is about.
  logger: silentLogger,
  telemetry: (name) => {
    if (name === "socket.connected") acceptedAtUs.push(monotonicUs());
    else if (name === "socket.refused") refused++;
    else if (name === "socket.closed" && draining && endpoint.connectionCount === 0)
      tell({ kind: "emptied", report: report() });
  },
});

function report(): WorkerReport {
  const cpu = readCpu();
  return { acceptedAtUs, refused, cpu: difference(cpu, since), cpuFromStart: cpu };
}

function tell(message: WorkerMessage): void {
  process.send?.(message);
}

const listening = await endpoint.listen({ port, host: "127.0.0.1" });
process.once("SIGTERM", () => {
  since = readCpu();
  draining = true;
  // The socket is the successor's too: what knocks from here on is for it alone.
  if (deploy.succession === "overlap") void listening.close();
});
endpoint.drainOnSignal("SIGTERM");
process.on("message", () => tell({ kind: "report", report: report() }));
since = readCpu();
tell({ kind: "listening" });
