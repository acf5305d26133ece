import { useState } from "preact/hooks";
import type { ScenarioName } from "../../../shared/api.ts";
import { type Attempt, tryScenario } from "../live/attempt.ts";
import { session } from "../live/session.ts";
import { userConnection } from "../live/user-connection.ts";
import { AttemptRow } from "../parts/attempt-row.tsx";
import { Step } from "../parts/step.tsx";
import { useStore } from "../store.ts";

interface Row {
  readonly scenario: ScenarioName;
  readonly title: string;
  readonly text: string;
}

const refusals: readonly Row[] = [
  { scenario: "missing", title: "No token", text: "Straight to /auth_socket, with nothing in hand." },
  { scenario: "forged", title: "A forged token", text: "Well-formed, but signed with somebody else's secret." },
  {
    scenario: "expired",
    title: "An expired token",
    text: "Signed by this server, but two days ago. Its tokens last a day.",
  },
  {
    scenario: "audience",
    title: "A token for another app",
    text: "Fresh, and by the very issuer that /pass_socket trusts. Which claim didn't fit is not said: it would only help whoever tries others.",
  },
  { scenario: "foreign", title: "A foreign page", text: "A page of another site tries the public /socket." },
];

const own: Row = {
  scenario: "held",
  title: "Your own token",
  text: "For comparison: the same connection, and it opens.",
};

export function Refusals() {
  const { token, status } = useStore(userConnection);
  const current = useStore(session);
  const foreignUrl = current.status === "ready" ? current.foreignUrl : null;
  const [attempts, setAttempts] = useState<Partial<Record<ScenarioName, Attempt>>>({});
  const rows = status === "open" ? [...refusals, own] : refusals;

  async function knockOn({ scenario }: Row): Promise<void> {
    const show = (attempt: Attempt) => setAttempts((all) => ({ ...all, [scenario]: attempt }));
    show({ status: "busy" });
    show(await tryScenario(scenario, token));
  }

  return (
    <Step
      id="refusals"
      number={3}
      title="The gate"
      lead="A refusal comes before the WebSocket opens, as a plain HTTP answer. A browser keeps that to itself: a page sees code 1006 and nothing else. It may ask, though: the same address by fetch says why, and whether to come back. To show what was really said, the server also opens each connection to itself. Over long-poll a page may read the answer: it comes with 200, and its JSON says 403."
      source="server/sockets/user.ts, server/sockets/pass.ts, server/probe/probe.ts"
    >
      <button type="button" class="primary" onClick={() => rows.forEach((row) => void knockOn(row))}>
        Knock with all of them
      </button>
      <ul class="attempts">
        {rows.map((row) => (
          <AttemptRow
            key={row.scenario}
            {...row}
            attempt={attempts[row.scenario] ?? { status: "idle" }}
            foreignUrl={row.scenario === "foreign" ? foreignUrl : null}
            onKnock={() => void knockOn(row)}
          />
        ))}
      </ul>
    </Step>
  );
}
