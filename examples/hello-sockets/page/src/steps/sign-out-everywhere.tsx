import { useState } from "preact/hooks";
import { toSentence } from "../api.ts";
import { leaveEverywhere } from "../live/session.ts";
import { type Happening, userConnection } from "../live/user-connection.ts";
import { RawAnswer } from "../parts/raw-answer.tsx";
import { Step } from "../parts/step.tsx";
import { useStore } from "../store.ts";

export function SignOutEverywhere() {
  const { status, answer, happenings } = useStore(userConnection);
  return (
    <Step
      id="sign-out"
      number={6}
      title="Sign out everywhere"
      lead="Every connection of yours is closed, in every tab and browser, and the old token never works again. The client does not know that: watch it come back by itself and be refused."
      source="server/http/account-routes.ts, server/sockets/user.ts"
    >
      {status === "none" ? (
        <p class="empty">
          Nobody to throw out yet. <a href="#sign-in">Sign in</a> first.
        </p>
      ) : (
        <div class="card">
          {status === "out" ? (
            <p>
              <strong>Thrown out, and it stays that way.</strong> <a href="#sign-in">Sign in again</a> for a new token.
            </p>
          ) : (
            <ThrowOut />
          )}
          <Happenings happenings={happenings} />
          {answer && (
            <div class="last-answer">
              <h3>What the server answers to the old token</h3>
              <RawAnswer answer={answer} />
            </div>
          )}
        </div>
      )}
    </Step>
  );
}

function ThrowOut() {
  const { status } = useStore(userConnection);
  const [problem, setProblem] = useState<string | null>(null);
  const [asked, setAsked] = useState(false);

  async function throwOut(): Promise<void> {
    setAsked(true);
    setProblem(null);
    try {
      await leaveEverywhere();
    } catch (error) {
      setProblem(toSentence(error));
      setAsked(false);
    }
  }

  return (
    <>
      <button type="button" class="danger" onClick={() => void throwOut()} disabled={asked || status !== "open"}>
        {asked ? "Signing out…" : "Sign out everywhere"}
      </button>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}

function Happenings({ happenings }: { happenings: readonly Happening[] }) {
  if (happenings.length === 0) return null;
  return (
    <ol class="happenings" aria-live="polite">
      {happenings.map(({ at, text, tone }, index) => (
        <li key={index} class={tone}>
          <time>{at.toLocaleTimeString("en-GB")}</time>
          <span>{text}</span>
        </li>
      ))}
    </ol>
  );
}
