/**
 * What came and nobody has asked for yet. An assertion takes the first message that fits, wherever it stands; all others
 * stay for later ones.
 *
 * @module
 */

import { failure } from "./brief.ts";
import { afterReal } from "./settle.ts";

/** What fits, said twice: to the program and to the reader of a failure. */
export interface Wanted<Item> {
  /** `null` for an item that fits; else why it doesn't, or `""` for one that is something else altogether. */
  readonly mismatch: (item: Item) => string | null;
  /** Completes "Expected …" and "Expected not …". */
  readonly expected: string;
}

interface Waiter<Item> {
  readonly wanted: Wanted<Item>;
  readonly take: (item: Item) => void;
  readonly fail: (why: string) => void;
}

export class Inbox<Item> {
  readonly #describe: (item: Item) => string;
  readonly #withinMs: number;
  #items: Item[] = [];
  #waiters: Waiter<Item>[] = [];
  #end: { readonly why: string; readonly cause: unknown } | null = null;

  constructor(describe: (item: Item) => string, withinMs: number) {
    this.#describe = describe;
    this.#withinMs = withinMs;
  }

  add(item: Item): void {
    const waiter = this.#waiters.find(({ wanted }) => wanted.mismatch(item) === null);
    if (waiter === undefined) this.#items.push(item);
    else waiter.take(item);
  }

  /** Nothing more can come: who waits needn't any longer. */
  end(why: string, cause?: unknown): void {
    if (this.#end !== null) return;
    this.#end = { why, cause };
    for (const waiter of [...this.#waiters]) waiter.fail(why);
  }

  /** Whether something that fits is there, without taking it. */
  has(wanted: Wanted<Item>): boolean {
    return this.#items.some((item) => wanted.mismatch(item) === null);
  }

  /** Takes the first item that fits, as soon as there is one. Rejects with an AssertionError when none comes in time. */
  take(wanted: Wanted<Item>): Promise<Item> {
    const index = this.#items.findIndex((item) => wanted.mismatch(item) === null);
    if (index !== -1) return Promise.resolve(this.#items.splice(index, 1)[0] as Item);
    if (this.#end !== null) return Promise.reject(this.#failure(wanted, this.#end.why));
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        cancel();
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
      };
      const waiter: Waiter<Item> = {
        wanted,
        take(item) {
          leave();
          resolve(item);
        },
        fail: (why) => {
          leave();
          reject(this.#failure(wanted, why));
        },
      };
      const cancel = afterReal(this.#withinMs, () => waiter.fail(`it did not come within ${this.#withinMs} ms`));
      this.#waiters.push(waiter);
    });
  }

  /** Throws an AssertionError for an item that fits. */
  refute(wanted: Wanted<Item>): void {
    const found = this.#items.find((item) => wanted.mismatch(item) === null);
    if (found !== undefined) throw failure(`Expected not ${wanted.expected}, and it came:\n  ${this.#describe(found)}`);
  }

  #failure(wanted: Wanted<Item>, why: string): Error {
    const lines = this.#items.map((item) => {
      const reason = wanted.mismatch(item);
      return `  ${this.#describe(item)}${reason === null || reason === "" ? "" : `   (${reason})`}`;
    });
    const rest = lines.length === 0 ? "Nothing else came." : `What came:\n${lines.join("\n")}`;
    return failure(`Expected ${wanted.expected}; ${why}.\n${rest}`, this.#end?.cause);
  }
}
