import type { Channel, Socket } from "phoenix";
import { useEffect, useRef, useState } from "preact/hooks";
import { closeSocket, openSocket } from "../live/open-socket.ts";
import { join, toReason, toReply } from "../live/request.ts";
import { BlockSwitch } from "../parts/block-switch.tsx";
import { Step } from "../parts/step.tsx";
import { TransportBadge } from "../parts/transport-badge.tsx";

const shownMax = 24;

export function OpenDoor() {
  return (
    <Step
      id="open-door"
      number={2}
      title="The open door"
      lead={
        <>
          <code>/socket</code> asks for no token: whoever has this page open may ping it. The first ping connects.
        </>
      }
      source="server/channels/ping.ts"
    >
      <div class="stack">
        <Ping />
        <BlockSwitch />
      </div>
    </Step>
  );
}

function Ping() {
  const socket = useRef<Socket | null>(null);
  const channel = useRef<Channel | null>(null);
  const [trips, setTrips] = useState<readonly number[]>([]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(
    () => () => {
      if (socket.current) closeSocket(socket.current);
    },
    [],
  );

  async function connected(): Promise<Channel | string> {
    if (channel.current) return channel.current;
    socket.current ??= openSocket("/socket");
    socket.current.connect();
    const fresh = socket.current.channel("ping");
    const reply = await join(fresh);
    if (reply.status !== "ok") return toReason(reply);
    channel.current = fresh;
    return fresh;
  }

  async function ping(): Promise<void> {
    setBusy(true);
    const ready = await connected();
    if (typeof ready === "string") {
      setProblem(ready);
    } else {
      const started = performance.now();
      const reply = await toReply(ready.push("ping", {}));
      setProblem(reply.status === "ok" ? null : toReason(reply));
      if (reply.status === "ok") setTrips((earlier) => [...earlier, performance.now() - started].slice(-shownMax));
    }
    setBusy(false);
  }

  const last = trips.at(-1);
  return (
    <div class="card ping">
      <button type="button" class="primary" onClick={() => void ping()} disabled={busy}>
        {busy ? "Waiting…" : "Ping"}
      </button>
      {/* The text is read aloud on every ping; the bars only repeat it. */}
      <p class="ping-result" role="status">
        {problem ? (
          <span class="problem">{problem}</span>
        ) : last === undefined ? (
          <span class="hint">No ping sent yet.</span>
        ) : (
          <>
            <strong>{last.toFixed(1)} ms</strong> <span class="hint">there and back</span>{" "}
            <TransportBadge path="/socket" />
          </>
        )}
      </p>
      <Bars trips={trips} />
    </div>
  );
}

function Bars({ trips }: { trips: readonly number[] }) {
  const longest = Math.max(1, ...trips);
  return (
    <svg class="bars" viewBox={`0 0 ${shownMax * 8} 40`} aria-hidden="true" preserveAspectRatio="xMaxYMax meet">
      <path d={`M0 39.5h${shownMax * 8}`} />
      {trips.map((trip, index) => {
        const height = Math.max(2, (trip / longest) * 36);
        const x = (shownMax - trips.length + index) * 8 + 2;
        return <rect key={index} x={x} y={39 - height} width={4} height={height} />;
      })}
    </svg>
  );
}
