/** Which way clients make requests: with a browser's XMLHttpRequest, which Node lacks, or with fetch where there is none. */

export type Requests = "xhr" | "fetch";

/** From now on the clients of this test file find what they would in a browser, or in a worker without XMLHttpRequest. */
export function offer(requests: Requests): void {
  const scope = globalThis as { XMLHttpRequest?: unknown };
  if (requests === "xhr") scope.XMLHttpRequest = XMLHttpRequest;
  else delete scope.XMLHttpRequest;
}

/**
 * XMLHttpRequest as far as clients use it, over fetch. In the order of events, too: what fails is done first
 * (`readystatechange`, with nothing in it) and has failed then, and `abort` tells so before it returns.
 */
class XMLHttpRequest {
  readyState = 0;
  status = 0;
  responseText = "";
  timeout = 0;
  onreadystatechange: (() => void) | null = null;
  onerror: (() => void) | null = null;
  ontimeout: (() => void) | null = null;
  readonly #headers = new Headers();
  #method = "GET";
  #url = "";
  /** While a request is under way. */
  #controller: AbortController | null = null;
  #timer: NodeJS.Timeout | undefined;

  open(method: string, url: string): void {
    this.#method = method;
    this.#url = url;
    this.#become(1);
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers.append(name, value);
  }

  send(body: string | null = null): void {
    const controller = new AbortController();
    this.#controller = controller;
    if (this.timeout > 0) this.#timer = setTimeout(() => this.#fail(this.ontimeout), this.timeout);
    void this.#receive(controller, body);
  }

  abort(): void {
    if (this.#controller === null) return;
    this.#fail(null);
    this.readyState = 0;
  }

  async #receive(controller: AbortController, body: string | null): Promise<void> {
    const { signal } = controller;
    try {
      const response = await fetch(this.#url, { method: this.#method, headers: this.#headers, body, signal });
      if (signal.aborted) return;
      this.status = response.status;
      this.#become(2);
      const text = await response.text();
      if (signal.aborted) return;
      clearTimeout(this.#timer);
      this.#controller = null;
      this.responseText = text;
      this.#become(4);
    } catch {
      if (!signal.aborted) this.#fail(this.onerror);
    }
  }

  #fail(then: (() => void) | null): void {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    this.#controller = null;
    this.status = 0;
    this.responseText = "";
    this.#become(4);
    then?.();
  }

  #become(readyState: number): void {
    this.readyState = readyState;
    this.onreadystatechange?.();
  }
}
