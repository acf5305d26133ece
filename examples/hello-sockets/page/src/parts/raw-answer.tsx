import type { ProbeAnswer } from "../../../shared/api.ts";

/** What the server said, as it was sent. */
export function RawAnswer({ answer }: { answer: ProbeAnswer }) {
  return (
    <div class="raw">
      <pre>
        <b>{answer.statusLine}</b>
        {answer.headers.map((line) => `\n${line}`)}
        {answer.body ? `\n\n${answer.body}` : answer.statusLine.includes(" 101 ") ? "" : "\n\n(no body)"}
      </pre>
      <details>
        <summary>The request</summary>
        <pre>{answer.request.join("\n")}</pre>
      </details>
    </div>
  );
}
