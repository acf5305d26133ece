import { type Channel, Presence } from "phoenix";
import { useEffect, useRef, useState } from "preact/hooks";
import { join, toReason, toReply } from "../live/request.ts";
import { userConnection } from "../live/user-connection.ts";
import { Step, WhileConnected } from "../parts/step.tsx";
import { TextLine } from "../parts/text-line.tsx";
import { useStore } from "../store.ts";

/** `?room=lobby` is the second tab that the first one opened: it goes straight in. */
const invitedTo = new URLSearchParams(location.search).get("room");

export function Room() {
  return (
    <Step
      id="room"
      number={5}
      title="A room"
      lead="Everyone who is signed in may enter. Who is speaking comes from the connection's own assigns, so nobody can put words into another's mouth."
      source="server/channels/room.ts"
    >
      <WhileConnected>
        <Talk />
      </WhileConnected>
    </Step>
  );
}

interface Speaker {
  readonly id: string;
  readonly name: string;
}

/** Somebody who is in the room, in one tab or in several. */
interface Visitor extends Speaker {
  readonly tabs: number;
}

interface Line {
  readonly number: number;
  readonly kind: "said" | "entered" | "left";
  readonly from: Speaker;
  readonly text: string;
}

const linesMax = 100;

function Talk() {
  const { socket } = useStore(userConnection);
  const [name, setName] = useState(invitedTo ?? "lobby");
  const [channel, setChannel] = useState<Channel | null>(null);
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [visitors, setVisitors] = useState<readonly Visitor[]>([]);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    if (invitedTo) void enter();
  }, []);
  useEffect(() => () => void channel?.leave(), [channel]);

  async function enter(): Promise<void> {
    if (!socket) return;
    const add = (kind: Line["kind"], from: Speaker, text = "") =>
      setLines((earlier) =>
        [...earlier, { number: (earlier.at(-1)?.number ?? 0) + 1, kind, from, text }].slice(-linesMax),
      );
    const fresh = socket.channel(`room:${name}`);
    fresh.on("said", ({ from, text }: { from: Speaker; text: string }) => add("said", from, text));
    fresh.on("entered", (from: Speaker) => add("entered", from));
    fresh.on("left", (from: Speaker) => add("left", from));
    // The client's own half of presence: it keeps the list up to date, also after a break.
    const presence = new Presence<{ name: string }>(fresh);
    presence.onSync(() => setVisitors(presence.list(toVisitor)));
    const reply = await join(fresh);
    setProblem(reply.status === "ok" ? null : toReason(reply));
    if (reply.status === "ok") setChannel(fresh);
  }

  function leaveRoom(): void {
    setChannel(null);
    setLines([]);
    setVisitors([]);
  }

  if (!channel) {
    return (
      <form
        class="card line"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <label for="room-name">
          <code>room:</code>
          <span class="visually-hidden">name of the room</span>
        </label>
        <input id="room-name" value={name} maxLength={32} onInput={(event) => setName(event.currentTarget.value)} />
        <button type="submit" class="primary">
          Enter
        </button>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
      </form>
    );
  }
  return (
    <div class="card">
      <div class="card-head">
        <h3>
          <code>room:{name}</code>
        </h3>
        <a href={`/?room=${encodeURIComponent(name)}#room`} target="_blank" rel="noreferrer">
          Open a second tab
        </a>
        <button type="button" class="quiet" onClick={leaveRoom}>
          Leave
        </button>
      </div>
      <Visitors visitors={visitors} />
      <Lines lines={lines} />
      <TextLine
        label={`Say something in ${name}`}
        button="Say"
        send={async (text) => {
          const reply = await toReply(channel.push("say", { text }));
          return reply.status === "ok" ? null : toReason(reply);
        }}
      />
    </div>
  );
}

function toVisitor(id: string, { metas }: { metas: readonly { name: string }[] }): Visitor {
  return { id, name: metas[0]?.name ?? id, tabs: metas.length };
}

function Visitors({ visitors }: { visitors: readonly Visitor[] }) {
  return (
    <div class="here">
      <h4>Here now</h4>
      <ul aria-label="Who is here">
        {visitors.map(({ id, name, tabs }) => (
          <li key={id}>
            {name}
            {tabs > 1 && <span class="hint"> in {tabs} tabs</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Lines({ lines }: { lines: readonly Line[] }) {
  const { person } = useStore(userConnection);
  const box = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  if (lines.length === 0) return <p class="talk-empty">Quiet in here. Open a second tab and talk to yourself.</p>;
  return (
    <ol ref={box} class="talk" aria-live="polite">
      {lines.map((line) => (
        <li key={line.number} class={line.from.id === person?.id ? `${line.kind} own` : line.kind}>
          <span class="who">{line.from.name}</span>
          {line.kind === "said" ? <span class="words">{line.text}</span> : ` ${line.kind}`}
        </li>
      ))}
    </ol>
  );
}
