import type { Attempt } from "../live/attempt.ts";
import { BrowserSawList } from "./browser-saw.tsx";
import { Verdict } from "./notice.tsx";
import { RawAnswer } from "./raw-answer.tsx";

interface AttemptRowProps {
  readonly scenario: string;
  readonly title: string;
  readonly text: string;
  readonly attempt: Attempt;
  /** Where the foreign page lives, for the one attempt that is made from there. */
  readonly foreignUrl: string | null;
  readonly onKnock: () => void;
}

export function AttemptRow({ scenario, title, text, attempt, foreignUrl, onKnock }: AttemptRowProps) {
  return (
    <li class="attempt" data-scenario={scenario}>
      <div class="attempt-head">
        <div>
          <h3>{title}</h3>
          <p class="hint">{text}</p>
        </div>
        <span role="status">{attempt.status === "done" && <Outcome statusLine={attempt.answer.statusLine} />}</span>
        <button type="button" onClick={onKnock} disabled={attempt.status === "busy"} aria-label={`Knock: ${title}`}>
          {attempt.status === "busy" ? "Knocking…" : "Knock"}
        </button>
      </div>
      {attempt.status === "failed" && (
        <p class="problem" role="alert">
          {attempt.problem}
        </p>
      )}
      {attempt.status === "done" && (
        <div class="sides">
          <div>
            <h4>{foreignUrl ? "What the foreign page saw" : "What this browser saw"}</h4>
            {attempt.saw && <BrowserSawList saw={attempt.saw} why={attempt.why} />}
            {foreignUrl && <ForeignFrame url={foreignUrl} />}
          </div>
          <div>
            <h4>What the server answered</h4>
            <RawAnswer answer={attempt.answer} />
          </div>
        </div>
      )}
    </li>
  );
}

function Outcome({ statusLine }: { statusLine: string }) {
  const status = statusLine.split(" ")[1] ?? "?";
  return status === "101" ? (
    <Verdict tone="pass">Let in · 101</Verdict>
  ) : (
    <Verdict tone="refuse">Refused · {status}</Verdict>
  );
}

/** Only a page of another site has another site's Origin, so a real one does the trying. */
function ForeignFrame({ url }: { url: string }) {
  return (
    <div class="foreign">
      <iframe title="The foreign page" src={url} />
      <a href={url} target="_blank" rel="noreferrer">
        Open {url.replace(/^http:\/\/|\/$/g, "")} in a tab
      </a>
    </div>
  );
}
