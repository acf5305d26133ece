import type { ComponentChildren } from "preact";
import { userConnection } from "../live/user-connection.ts";
import { useStore } from "../store.ts";

interface StepProps {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  /** Why this step is there, in a sentence or two. */
  readonly lead: ComponentChildren;
  /** The server file that does it. */
  readonly source: string;
  readonly children: ComponentChildren;
}

export function Step({ id, number, title, lead, source, children }: StepProps) {
  return (
    <li class="step" id={id}>
      <span class="number" aria-hidden="true">
        {number}
      </span>
      <section aria-labelledby={`${id}-title`}>
        <h2 id={`${id}-title`}>{title}</h2>
        <p class="lead">{lead}</p>
        {children}
        <p class="source">
          In the code: <code>{source}</code>
        </p>
      </section>
    </li>
  );
}

/** Shows `children` while the authenticated socket is open, and otherwise says what is missing. */
export function WhileConnected({ children }: { children: ComponentChildren }) {
  const { status } = useStore(userConnection);
  // A lost connection comes back and its channels with it, so what is on the screen stays, out of reach.
  if (status === "open" || status === "lost") {
    return (
      <>
        {status === "lost" && (
          <p class="empty busy" role="status">
            The connection is gone. The client is trying again…
          </p>
        )}
        <div class="stack" inert={status === "lost"}>
          {children}
        </div>
      </>
    );
  }
  if (status === "connecting") {
    return (
      <p class="empty busy" role="status">
        Connecting…
      </p>
    );
  }
  return (
    <p class="empty">
      The gate is down. <a href="#sign-in">Sign in</a> first: this needs a token.
    </p>
  );
}
