/** Things that happen, kept in order, so that a test can await the next one without missing any. */
export class Inbox<Item> {
  readonly all: Item[] = [];
  #taken = 0;
  #waiting: (() => void)[] = [];

  add(item: Item): void {
    this.all.push(item);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The first item nobody has taken yet, as soon as there is one. */
  async next(): Promise<Item> {
    while (this.#taken >= this.all.length) await this.#more();
    this.#taken += 1;
    return this.all[this.#taken - 1] as Item;
  }

  /** The first item that fits, past or future. Takes nothing. */
  async find(fits: (item: Item) => boolean): Promise<Item> {
    for (let index = 0; ; index += 1) {
      while (index >= this.all.length) await this.#more();
      const item = this.all[index] as Item;
      if (fits(item)) return item;
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
