import type { ComponentChildren } from "preact";
import { session } from "../live/session.ts";
import { transports, webSocketsBlocked } from "../live/transport.ts";
import { useStore } from "../store.ts";

/** Shows `children` to whoever can have a connection with a pass, and otherwise says what is missing. */
export function WhilePassable({ begun, children }: { begun: boolean; children: ComponentChildren }) {
  const current = useStore(session);
  const carriers = Object.values(useStore(transports));
  const blocked = useStore(webSocketsBlocked) || !("WebSocket" in globalThis);
  if (blocked || (!begun && carriers.includes("long-poll"))) {
    return (
      <p class="empty">
        This step uses <code>portcullis/client</code>, which knows no way but WebSockets, and none gets through here.
      </p>
    );
  }
  // What happened stays to be read after the person is signed out.
  if (begun || (current.status === "ready" && current.person)) return <>{children}</>;
  return (
    <p class="empty">
      Passes are for people the server knows. <a href="#sign-in">Sign in</a> first.
    </p>
  );
}
