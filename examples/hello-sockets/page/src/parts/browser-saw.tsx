import type { BrowserSaw } from "../live/knock.ts";

/** Everything a page learns of a connection attempt, as a list. */
export function BrowserSawList({ saw }: { saw: BrowserSaw }) {
  const { opened, closeCode, closeReason, tookMs } = saw;
  return (
    <dl class="facts">
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
      <dt>After</dt>
      <dd>{Math.max(1, Math.round(tookMs))} ms</dd>
    </dl>
  );
}
