/**
 * Whom to tell.
 *
 * @module
 */

/** Listeners by identity of their registration: the same function twice is called twice. */
export class Listeners<Value> {
  readonly #entries = new Set<{ readonly listener: (value: Value) => void }>();

  get size(): number {
    return this.#entries.size;
  }

  /** Returns how to stop. */
  add(listener: (value: Value) => void): () => void {
    const entry = { listener };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  /** Tells everybody who listens now. What one throws is nobody else's trouble: it surfaces as an uncaught error. */
  tell(value: Value): void {
    for (const entry of [...this.#entries]) {
      if (!this.#entries.has(entry)) continue;
      try {
        entry.listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
