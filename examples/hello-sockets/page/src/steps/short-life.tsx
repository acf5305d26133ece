import { useNow } from "../live/now.ts";
import {
  connectPass,
  isLapsed,
  keepOldPass,
  keepsOldPass,
  leftOf,
  type PassConnection,
  passConnection,
} from "../live/pass-connection.ts";
import { Happenings } from "../parts/happenings.tsx";
import { LifeRing } from "../parts/life-ring.tsx";
import { Step } from "../parts/step.tsx";
import { SwitchLine } from "../parts/switch-line.tsx";
import { WhilePassable } from "../parts/while-passable.tsx";
import { useStore } from "../store.ts";

export function ShortLife() {
  const connection = useStore(passConnection);
  return (
    <Step
      id="short-life"
      number={6}
      title="A token with a short life"
      lead={
        <>
          A pass is good for seconds, so a stolen one is soon worth nothing. Before it lapses the server says so; the
          page fetches another and hands it over, and the same connection goes on. <code>portcullis/client</code> does
          that by itself.
        </>
      }
      source="server/sockets/pass.ts, server/pass-office.ts, page/src/live/pass-connection.ts"
    >
      <WhilePassable begun={connection.client !== null}>
        {connection.client === null ? <Begin /> : <Life connection={connection} />}
      </WhilePassable>
    </Step>
  );
}

function Begin() {
  return (
    <div class="card life-begin">
      <button type="button" class="primary" onClick={connectPass}>
        Connect with a pass
      </button>
      <p class="hint">A second connection, to /pass_socket, into two chambers whose clocks chime.</p>
    </div>
  );
}

function Life({ connection }: { connection: PassConnection }) {
  const now = useNow(250);
  const { status, lifeMs, happenings } = connection;
  const leftMs = leftOf(connection, now);
  return (
    <div class="card">
      <div class="life">
        <LifeRing
          share={status.state === "open" && lifeMs > 0 ? leftMs / lifeMs : null}
          seconds={Math.ceil(leftMs / 1_000)}
        />
        <div class="life-facts">
          <p class="life-state" role="timer">
            {describe(connection, now, leftMs)}
          </p>
          <Facts connection={connection} now={now} />
        </div>
      </div>
      {status.state === "closed" ? (
        <p class="hint">
          <a href="#sign-in">Sign in again</a>, and connect with a new one.
        </p>
      ) : (
        <OldPassSwitch refused={status.state === "refused"} />
      )}
      <Happenings happenings={happenings} />
    </div>
  );
}

function describe(connection: PassConnection, now: number, leftMs: number): string {
  if (isLapsed(connection, now)) return "Lapsed: silence";
  const { state, reason } = connection.status;
  switch (state) {
    case "open":
      return `Good for ${Math.ceil(leftMs / 1_000)} s`;
    case "waiting":
      return "Coming back";
    case "refused":
      return "Refused";
    case "closed":
      return reason === "signed_out" ? "Signed out" : "Closed";
    default:
      return "Connecting";
  }
}

function Facts({ connection, now }: { connection: PassConnection; now: number }) {
  const { connections, openedAt, renewals, chambers, status } = connection;
  const heardAt = Math.max(...Object.values(chambers).map((chamber) => chamber.heardAt ?? 0));
  const isOpen = status.state === "open";
  const standing = isOpen && openedAt ? `open since ${openedAt.toLocaleTimeString("en-GB")}` : "closed";
  return (
    <dl class="facts">
      <dt>Connection</dt>
      <dd>{connections === 0 ? "none yet" : `no. ${connections}, ${standing}`}</dd>
      <dt>Passes on it</dt>
      <dd>{connections === 0 ? "none yet" : renewals === 0 ? "the first" : `${renewals + 1}, one after the other`}</dd>
      {!isOpen && status.reason !== null && (
        <>
          <dt>Why closed</dt>
          <dd>{status.reason}</dd>
        </>
      )}
      <dt>Last heard</dt>
      <dd>{heardAt === 0 ? "nothing yet" : `a chime ${Math.max(0, Math.floor((now - heardAt) / 1_000))} s ago`}</dd>
    </dl>
  );
}

function OldPassSwitch({ refused }: { refused: boolean }) {
  const kept = useStore(keepsOldPass);
  return (
    <SwitchLine id="old-pass" label="Hand over no new pass" checked={kept} onSwitch={keepOldPass}>
      {refused
        ? "Switch it off, and the client comes back with a new one."
        : "As a client that doesn't know the warning. Then silence, close code 4100, and a refusal that says why."}
    </SwitchLine>
  );
}
