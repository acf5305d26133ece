import type { SocketPath } from "../live/log.ts";
import type { Explanation } from "../live/why.ts";

/** What the server answered when the page asked why, and what that means for a client. */
export function Explained({ socket, why: { httpStatus, reason, retry } }: { socket: SocketPath; why: Explanation }) {
  return (
    <div class="explained">
      <h3>What the server says when the page asks why</h3>
      <div class="raw">
        <pre>
          {`GET ${socket}/websocket\naccept: application/json\nx-phoenix-authtoken: [FILTERED]\n\n`}
          <b>{httpStatus}</b> {JSON.stringify({ reason, retry })}
        </pre>
      </div>
      <p class="hint">{toSentence(retry)}</p>
    </div>
  );
}

function toSentence(retry: Explanation["retry"]): string {
  if (retry === "reauth") return "“reauth”: the same token will be refused again, another may not.";
  if (retry === "never") return "“never”: whatever the client brings, the answer stays the same.";
  return "The same token will do, later.";
}
