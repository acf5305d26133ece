import type { Happening } from "../live/happening.ts";

/** What happened to a connection, oldest first. */
export function Happenings({ happenings }: { happenings: readonly Happening[] }) {
  if (happenings.length === 0) return null;
  return (
    <ol class="happenings" aria-live="polite">
      {happenings.map(({ at, text, tone }) => (
        <li key={`${at.getTime()} ${text}`} class={tone}>
          <time>{at.toLocaleTimeString("en-GB")}</time>
          <span>{text}</span>
        </li>
      ))}
    </ol>
  );
}
