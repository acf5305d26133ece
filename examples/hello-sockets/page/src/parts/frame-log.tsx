import { useEffect, useRef, useState } from "preact/hooks";
import { type LogEntry, log } from "../live/log.ts";
import { transports } from "../live/transport.ts";
import { useStore } from "../store.ts";

const arrows = { sent: "↑", posted: "↑", received: "↓", polled: "↓", connection: "•" } as const;
const words = {
  sent: "sent",
  posted: "sent",
  received: "received",
  polled: "received",
  connection: "connection",
} as const;
/** Of what a message was a part, where it was no frame. */
const requests = {
  sent: "",
  posted: " · in a POST",
  received: "",
  polled: " · answer to a GET",
  connection: "",
} as const;

/** Every message of both sockets. On a narrow screen a bar at the bottom, which opens. */
export function FrameLog() {
  const entries = useStore(log);
  const [expanded, setExpanded] = useState(false);
  const list = useRef<HTMLOListElement>(null);
  const followed = useRef(true);
  const lastTop = useRef(0);

  // Follow the newest frame, unless the person has scrolled up to read.
  useEffect(() => {
    const box = list.current;
    if (box && followed.current) box.scrollTop = box.scrollHeight;
  }, [entries, expanded]);

  const last = entries.at(-1);
  return (
    <section class={expanded ? "log expanded" : "log"} aria-label="Frame log">
      <div class="log-head">
        <h2>Frames</h2>
        <button type="button" class="quiet" onClick={() => log.set([])} disabled={entries.length === 0}>
          Clear
        </button>
      </div>
      <button type="button" class="log-toggle" aria-expanded={expanded} onClick={() => setExpanded(!expanded)}>
        <span class="log-toggle-name">Frames</span>
        <span class="log-toggle-last">{last ? `${arrows[last.kind]} ${last.text}` : "none yet"}</span>
      </button>
      <div class="legend">
        <code>[join ref, ref, topic, event, payload]</code>
        <LongPollLegend />
      </div>
      {entries.length === 0 ? (
        <p class="log-empty">Nothing yet. Send a ping, or sign in.</p>
      ) : (
        <ol
          ref={list}
          class="log-lines"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must scroll with the keyboard too
          tabIndex={0}
          aria-label="Frames, oldest first"
          onScroll={({ currentTarget: box }) => {
            // Only upwards is the person's doing: a new frame moves the end away from where the box still is.
            const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
            if (atEnd || box.scrollTop < lastTop.current) followed.current = atEnd;
            lastTop.current = box.scrollTop;
          }}
        >
          {entries.map((entry) => (
            <Line key={entry.id} entry={entry} />
          ))}
        </ol>
      )}
    </section>
  );
}

/** Says what the lines are where they are no frames. */
function LongPollLegend() {
  const carriers = Object.values(useStore(transports));
  if (!carriers.includes("long-poll")) return null;
  return (
    <p>
      Over long-poll there are no frames. The same messages go out as a POST, and come in as the answer to a GET that
      the server holds until it has something to say.
    </p>
  );
}

function Line({ entry }: { entry: LogEntry }) {
  return (
    <li class={`log-line ${words[entry.kind]}`}>
      <span class="log-meta">
        <span class="arrow" role="img" aria-label={words[entry.kind]}>
          {arrows[entry.kind]}
        </span>
        <span>
          {entry.socket}
          {requests[entry.kind]}
        </span>
        {entry.times > 1 && (
          <span class="times">
            <span aria-hidden="true">×{entry.times}</span>
            <span class="visually-hidden">the newest of {entry.times}</span>
          </span>
        )}
        <time dateTime={entry.at.toISOString()}>{entry.at.toLocaleTimeString("en-GB")}</time>
      </span>
      <code>{entry.kind === "connection" ? entry.text : <Frame text={entry.text} />}</code>
    </li>
  );
}

/** The frame's own text, with topic and event picked out. */
function Frame({ text }: { text: string }) {
  const parts = /^(\[[^,]*,[^,]*,)("(?:[^"\\]|\\.)*")(,)("(?:[^"\\]|\\.)*")(,)([\s\S]*)$/.exec(text);
  if (!parts) return <>{text}</>;
  const [, refs, topic, firstComma, event, secondComma, payload] = parts;
  return (
    <>
      <span class="refs">{refs}</span>
      <span class="topic">{topic}</span>
      {firstComma}
      <span class="event">{event}</span>
      {secondComma}
      {payload}
    </>
  );
}
