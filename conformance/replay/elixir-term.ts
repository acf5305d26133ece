// Elixir's `inspect` notation, read for its meaning: the order of a map's keys and spaces do not matter.

// What a server or a connection chooses for itself.
const volatileKeys = new Set(["port", "host", "authority"]);
const volatileTuple = /^\{"sec-websocket-key", .*\}$/;

/** The term in `text` with sorted keys and without what varies from run to run; `undefined` if it is not a term. */
export function canonicalTerm(text: string): string | undefined {
  const reader = new TermReader(text);
  try {
    const term = reader.term();
    return reader.isAtEnd ? term : undefined;
  } catch (error) {
    if (error instanceof NotATerm) return undefined;
    throw error;
  }
}

/** Whether `text` is the exit reason of a process that crashed: anything but normal and shutdown. */
export function isCrashReason(text: string): boolean {
  const term = canonicalTerm(text) ?? text;
  return term !== "" && !/^(:normal$|:shutdown$|\{:shutdown, )/.test(term);
}

class NotATerm extends Error {}

class TermReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  term(): string {
    const map = this.#match(/%([A-Z][\w.]*)?\{/y);
    if (map !== undefined)
      return `${map}${this.#list("}", () => this.#pair())
        .sort()
        .join(", ")}}`;
    if (this.#match(/\[/y) !== undefined) return `[${this.#list("]", () => this.term()).join(", ")}]`;
    if (this.#match(/\{/y) !== undefined) {
      const tuple = `{${this.#list("}", () => this.term()).join(", ")}}`;
      return volatileTuple.test(tuple) ? '{"sec-websocket-key", _}' : tuple;
    }
    const scalar = this.#match(/"(?:[^"\\]|\\.)*"|:\w+|nil|true|false|-?\d+(?:\.\d+)?|[A-Z][\w.]*|\.\.\./y);
    if (scalar === undefined) throw new NotATerm();
    return scalar;
  }

  #pair(): string {
    const key = this.#match(/\w+(?=: )/y);
    if (key !== undefined) {
      this.#need(/: /y);
      const value = this.term();
      return `${key}: ${volatileKeys.has(key) && value !== "nil" ? "_" : value}`;
    }
    const term = this.term();
    this.#need(/ => /y);
    return `${term} => ${this.term()}`;
  }

  #list(end: string, item: () => string): string[] {
    const items: string[] = [];
    const endPattern = end === "}" ? /\}/y : /\]/y;
    if (this.#match(endPattern) !== undefined) return items;
    for (;;) {
      items.push(item());
      if (this.#match(endPattern) !== undefined) return items;
      this.#need(/,\s*/y);
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #need(pattern: RegExp): void {
    if (this.#match(pattern) === undefined) throw new NotATerm();
  }
}
