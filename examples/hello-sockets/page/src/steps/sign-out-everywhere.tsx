import { useState } from "preact/hooks";
import { toSentence } from "../api.ts";
import { passConnection } from "../live/pass-connection.ts";
import { leaveEverywhere } from "../live/session.ts";
import { userConnection } from "../live/user-connection.ts";
import { Explained } from "../parts/explained.tsx";
import { Happenings } from "../parts/happenings.tsx";
import { Step } from "../parts/step.tsx";
import { useStore } from "../store.ts";

export function SignOutEverywhere() {
  const { status, why, happenings } = useStore(userConnection);
  const pass = useStore(passConnection);
  return (
    <Step
      id="sign-out"
      number={8}
      title="Sign out everywhere"
      lead="One call on the server, and whatever you were given until now is worth nothing: every connection is told so and closed, in every tab and on every socket. The phoenix client does not know those words: watch it come back by itself and be refused."
      source="server/http/account-routes.ts, page/src/live/user-connection.ts"
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
          {why && <Explained socket="/auth_socket" why={why} />}
          {status === "out" && (pass.status.state === "closed" || pass.status.state === "refused") && (
            <div class="fate">
              <h3>The connection with a pass</h3>
              {/* Its close, and what the client made of it. */}
              <Happenings happenings={pass.happenings.slice(-2)} />
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
