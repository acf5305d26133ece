import { useState } from "preact/hooks";
import { toSentence } from "../api.ts";
import { useNow } from "../live/now.ts";
import {
  allowTreasury,
  chamberNames,
  isLapsed,
  leftOf,
  type PassConnection,
  passConnection,
  refreshPass,
} from "../live/pass-connection.ts";
import { ChamberCard } from "../parts/chamber-card.tsx";
import { Step } from "../parts/step.tsx";
import { WhilePassable } from "../parts/while-passable.tsx";
import { useStore } from "../store.ts";

export function TakenRight() {
  const connection = useStore(passConnection);
  return (
    <Step
      id="taken-right"
      number={7}
      title="A right taken away"
      lead="Who was let in once is not let in for ever. With every new pass the server asks again: who this is, and of each channel, whether they still may. What they no longer may is closed; the rest of the connection goes on."
      source="server/channels/chamber.ts, server/rights.ts"
    >
      <WhilePassable begun={connection.client !== null}>
        {connection.client === null ? (
          <p class="empty">
            The chambers are open to whoever has a pass. <a href="#short-life">Connect with one</a> first.
          </p>
        ) : (
          <Chambers connection={connection} />
        )}
      </WhilePassable>
    </Step>
  );
}

function Chambers({ connection }: { connection: PassConnection }) {
  const now = useNow(500);
  const isOpen = connection.status.state === "open";
  return (
    <div class="card">
      <ul class="chambers">
        {chamberNames.map((name) => (
          <ChamberCard key={name} name={name} chamber={connection.chambers[name]} silent={isLapsed(connection, now)} />
        ))}
      </ul>
      {isOpen ? (
        <Right connection={connection} now={now} />
      ) : (
        <p class="hint">There is no connection. See above what became of it.</p>
      )}
    </div>
  );
}

function Right({ connection, now }: { connection: PassConnection; now: number }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const { chambers, mayEnterTreasury } = connection;
  const isClosed = chambers.treasury.status.state === "closed";

  async function attempt(task: () => Promise<void>): Promise<void> {
    setBusy(true);
    setProblem(null);
    await task().catch((error: unknown) => setProblem(toSentence(error)));
    setBusy(false);
  }

  return (
    <div class="right">
      {isClosed ? (
        <button type="button" disabled={busy} onClick={() => void attempt(() => allowTreasury(true))}>
          Give it back
        </button>
      ) : mayEnterTreasury ? (
        <button type="button" class="danger" disabled={busy} onClick={() => void attempt(() => allowTreasury(false))}>
          Take away my right to the treasury
        </button>
      ) : (
        <button type="button" disabled={busy} onClick={() => void attempt(refreshPass)}>
          Refresh now
        </button>
      )}
      <p class="hint">
        {isClosed
          ? "Nothing else was closed. The client won't go back in by itself."
          : mayEnterTreasury
            ? "On the server only: no connection is told."
            : `Taken away. The next refresh notices, within ${Math.ceil(leftOf(connection, now) / 1_000)} s: the life of a pass is how long a right outlives its end.`}
      </p>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
