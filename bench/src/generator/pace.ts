import { monotonicUs } from "../scenario.ts";

/** An even pace that waits for nobody: what falls due while the loop was held up is sent at once, stamped with the time it was due at. */
export class Pace {
  readonly #everyUs: number;
  readonly #send: (atUs: number, index: number) => void;
  readonly #now: () => number;
  #beginUs: number | undefined;
  #sent = 0;

  constructor(perSecond: number, send: (atUs: number, index: number) => void, now = monotonicUs) {
    this.#everyUs = 1_000_000 / perSecond;
    this.#send = send;
    this.#now = now;
  }

  /** So many were sent, from the beginning. */
  get sent(): number {
    return this.#sent;
  }

  begin(): void {
    this.#beginUs = this.#now();
  }

  end(): void {
    this.#beginUs = undefined;
  }

  /** To be called as often as can be. */
  readonly turn = (): void => {
    const nowUs = this.#now();
    while (this.#beginUs !== undefined) {
      const dueUs = Math.round(this.#beginUs + this.#sent * this.#everyUs);
      if (dueUs > nowUs) {
        return;
      }
      this.#sent++;
      this.#send(dueUs, this.#sent);
    }
  };
}
