/**
 * Why a connection didn't open. A browser doesn't tell, so the same address is asked for by `fetch`, without the headers of an
 * upgrade: what would be refused is refused before the upgrade is looked at, with a body that explains.
 *
 * @module
 */

import { type Advice, backoff, toAdvice } from "./advice.ts";
import type { Environment } from "./environment.ts";

/** What the server says of a request it would have let in. */
const admitted = "upgrade_required";
const timeoutMs = 10_000;

/** Asks. Never rejects: where nobody explains it was the network, and that calls for patience. */
export async function probe(
  { fetch, clock }: Environment,
  url: string,
  token: string | null,
  signal: AbortSignal,
): Promise<Advice> {
  const asking = new AbortController();
  const abort = (): void => {
    cancel();
    asking.abort();
  };
  const cancel = clock.after(timeoutMs, abort);
  signal.addEventListener("abort", abort);
  try {
    const headers = { accept: "application/json", ...(token !== null && { "x-phoenix-authtoken": token }) };
    // A redirect would carry the token to wherever it leads: only `Authorization` is taken off on the way.
    const response = await fetch(url, { headers, signal: asking.signal, redirect: "error", cache: "no-store" });
    const advice = toAdvice(JSON.parse(await response.text()));
    return advice === null || advice.reason === admitted ? backoff("network") : advice;
  } catch {
    // Whatever this error says, it may quote the header.
    return backoff("network");
  } finally {
    cancel();
    signal.removeEventListener("abort", abort);
  }
}
