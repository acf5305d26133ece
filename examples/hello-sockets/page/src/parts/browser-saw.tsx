import type { BrowserSaw, PollSaw } from "../live/knock.ts";
import type { Explanation } from "../live/why.ts";

/** Everything a page learns of a connection attempt, and then by asking, as a list. */
export function BrowserSawList({ saw, why }: { saw: BrowserSaw | PollSaw; why: Explanation | null }) {
  return (
    <dl class="facts">
      {"httpStatus" in saw ? <PollFacts saw={saw} /> : <SocketFacts saw={saw} />}
      <dt>After</dt>
      <dd>{Math.max(1, Math.round(saw.tookMs))} ms</dd>
      {why && (
        <>
          <dt>Asked why</dt>
          <dd>{why.reason}</dd>
          <dt>Come back</dt>
          <dd>{toAdvice(why)}</dd>
        </>
      )}
    </dl>
  );
}

function toAdvice({ retry }: Explanation): string {
  if (retry === "reauth") return "with another token";
  return retry === "never" ? "never" : `after ${retry.afterMs} ms`;
}

function SocketFacts({ saw: { opened, closeCode, closeReason } }: { saw: BrowserSaw }) {
  return (
    <>
      <dt>Opened</dt>
      <dd>{opened ? "yes" : "no"}</dd>
      {!opened && (
        <>
          <dt>Error event</dt>
          <dd>without details</dd>
          <dt>Close code</dt>
          <dd>{closeCode ?? "none within 5 s"}</dd>
          <dt>Close reason</dt>
          <dd>{closeReason || "(empty)"}</dd>
        </>
      )}
    </>
  );
}

function PollFacts({ saw: { httpStatus, status } }: { saw: PollSaw }) {
  return (
    <>
      <dt>Long-poll</dt>
      <dd>{status === 410 ? "a session began" : "refused"}</dd>
      <dt>HTTP status</dt>
      <dd>{httpStatus}</dd>
      <dt>Its JSON says</dt>
      <dd>{`"status":${status}`}</dd>
    </>
  );
}
