import type { Channel } from "phoenix";
import { useEffect, useState } from "preact/hooks";
import { join, toReason, toReply } from "../live/request.ts";
import { userConnection } from "../live/user-connection.ts";
import { Notice } from "../parts/notice.tsx";
import { Step, WhileConnected } from "../parts/step.tsx";
import { TextLine } from "../parts/text-line.tsx";
import { useStore } from "../store.ts";

export function OwnChannel() {
  return (
    <Step
      id="own-channel"
      number={4}
      title="Your own channel"
      lead="Past the gate there are more doors. A topic is only what a client wishes for; the channel compares it with who the connection belongs to."
      source="server/channels/user.ts"
    >
      <WhileConnected>
        <Mine />
        <Theirs />
      </WhileConnected>
    </Step>
  );
}

interface Entry {
  readonly at: number;
  readonly text: string;
}

const entriesMax = 20;

function Mine() {
  const { person, socket } = useStore(userConnection);
  const [channel, setChannel] = useState<Channel | null>(null);
  const [entries, setEntries] = useState<readonly Entry[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const topic = `user:${person?.id}`;

  useEffect(() => () => void channel?.leave(), [channel]);

  async function joinOwn(): Promise<void> {
    if (!socket) return;
    const add = (at: number, text: string) => setEntries((earlier) => [...earlier, { at, text }].slice(-entriesMax));
    const fresh = socket.channel(topic);
    fresh.on("note", ({ at, text }: Entry) => add(at, text));
    fresh.on("signed_in", ({ at, browser }: { at: number; browser: string }) =>
      add(at, `You signed in with ${browser}`),
    );
    const reply = await join(fresh);
    setProblem(reply.status === "ok" ? null : toReason(reply));
    if (reply.status === "ok") setChannel(fresh);
  }

  return (
    <div class="card">
      <div class="card-head">
        <h3>
          <code>{topic}</code>
        </h3>
        {channel ? (
          <span class="verdict pass">Joined</span>
        ) : (
          <button type="button" class="primary" onClick={() => void joinOwn()}>
            Join {topic}
          </button>
        )}
      </div>
      {problem && <Notice tone="refuse">{problem}</Notice>}
      {channel ? (
        <>
          <ul class="entries" aria-live="polite">
            {entries.map(({ at, text }) => (
              <li key={`${at} ${text}`}>
                <time>{new Date(at).toLocaleTimeString("en-GB")}</time> {text}
              </li>
            ))}
          </ul>
          {entries.length === 0 && <p class="hint">Nothing yet. A note reaches every tab of yours, and nobody else.</p>}
          <TextLine
            label="A note to yourself"
            button="Send"
            send={async (text) => {
              const reply = await toReply(channel.push("note", { text }));
              return reply.status === "ok" ? null : toReason(reply);
            }}
          />
        </>
      ) : (
        <p class="hint">Yours, because your token says so.</p>
      )}
    </div>
  );
}

function Theirs() {
  const { person, socket } = useStore(userConnection);
  const [id, setId] = useState(String(Number(person?.id ?? 0) + 1));
  const [outcome, setOutcome] = useState<{ topic: string; refused: boolean; text: string } | null>(null);

  async function tryJoin(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!socket) return;
    const topic = `user:${id}`;
    const channel = socket.channel(topic);
    const reply = await join(channel);
    if (reply.status === "ok") channel.leave();
    setOutcome({ topic, refused: reply.status !== "ok", text: JSON.stringify(reply.payload) });
  }

  return (
    <form class="card" onSubmit={(event) => void tryJoin(event)}>
      <div class="card-head">
        <h3>Somebody else's</h3>
        {outcome && (
          <span class={outcome.refused ? "verdict refuse" : "verdict pass"} role="status">
            {outcome.refused ? "Refused" : "Let in"}
          </span>
        )}
      </div>
      <div class="line">
        <label for="their-id">
          <code>user:</code>
          <span class="visually-hidden">another person's id</span>
        </label>
        <input
          id="their-id"
          class="short"
          inputMode="numeric"
          value={id}
          onInput={(event) => setId(event.currentTarget.value)}
        />
        <button type="submit">Try to join</button>
      </div>
      {outcome && (
        <p class="reply">
          The reply to <code>{outcome.topic}</code>: <code>{outcome.text}</code>
        </p>
      )}
    </form>
  );
}
