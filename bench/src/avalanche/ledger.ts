/** Where a server notes every push before it acknowledges it: a file, which outlives the process as a database would. */
import { openSync, readFileSync, writeSync } from "node:fs";

/** What a client pushes. Sequences of one client go up by one, from 1. */
export interface Note {
  readonly client: number;
  readonly sequence: number;
}

const entryBytes = 8;

export class Ledger {
  readonly #file: number;
  readonly #entry = Buffer.alloc(entryBytes);

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write({ client, sequence }: Note): void {
    this.#entry.writeUInt32LE(client, 0);
    this.#entry.writeUInt32LE(sequence, 4);
    writeSync(this.#file, this.#entry);
  }
}

export interface Audit {
  readonly acknowledged: number;
  /** Acknowledged, and not in the ledger. */
  readonly lost: number;
  /** In the ledger twice: the reply got lost with the connection, and the client pushed again. */
  readonly repeated: number;
}

/** Compares a ledger with what each client, by number, was acknowledged: all sequences from 1 to this one. */
export function audit(path: string, acknowledged: ReadonlyMap<number, number>): Audit {
  const bytes = readFileSync(path);
  const noted = new Map<number, Set<number>>();
  let repeated = 0;
  for (let offset = 0; offset + entryBytes <= bytes.length; offset += entryBytes) {
    const client = bytes.readUInt32LE(offset);
    const sequence = bytes.readUInt32LE(offset + 4);
    const sequences = noted.get(client) ?? new Set();
    noted.set(client, sequences);
    if (sequences.has(sequence)) repeated++;
    sequences.add(sequence);
  }
  let total = 0;
  let lost = 0;
  for (const [client, last] of acknowledged) {
    total += last;
    for (let sequence = 1; sequence <= last; sequence++) {
      if (noted.get(client)?.has(sequence) !== true) lost++;
    }
  }
  return { acknowledged: total, lost, repeated };
}
