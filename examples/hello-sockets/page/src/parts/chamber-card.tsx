import type { Chamber } from "../live/pass-connection.ts";

interface ChamberCardProps {
  readonly name: string;
  readonly chamber: Chamber;
  readonly silent: boolean;
}

/** One channel of the connection with a pass, and whether it still chimes. */
export function ChamberCard({ name, chamber: { status, chimes, heardAt }, silent }: ChamberCardProps) {
  const open = status.state === "joined";
  const [tone, word] = open ? ["pass", "Joined"] : status.state === "closed" ? ["refuse", "Closed"] : ["plain", "Away"];
  return (
    <li class="chamber" data-state={status.state} data-chamber={name}>
      <div class="card-head">
        <h3>
          <code>chamber:{name}</code>
        </h3>
        <span class={`verdict ${tone}`} role="status">
          {word}
        </span>
      </div>
      <p class="chimes">
        <svg class={open && !silent ? "bell ringing" : "bell"} key={chimes} viewBox="0 0 24 24" aria-hidden="true">
          <path d="M12 3a6 6 0 0 1 6 6v5l2 3H4l2-3V9a6 6 0 0 1 6-6ZM9.5 18.5h5a2.5 2.5 0 0 1-5 0Z" />
        </svg>
        <strong>{chimes}</strong>
        <span class="hint">
          {chimes === 1 ? "chime" : "chimes"}
          {heardAt !== null && `, the last at ${new Date(heardAt).toLocaleTimeString("en-GB")}`}
        </span>
      </p>
      {status.state === "closed" && <p class="problem">Reason: {status.reason}</p>}
      {open && silent && <p class="problem">Silent: the pass has lapsed.</p>}
    </li>
  );
}
