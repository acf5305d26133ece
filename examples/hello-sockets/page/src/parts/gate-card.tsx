import type { UserConnection } from "../live/user-connection.ts";
import { userConnection } from "../live/user-connection.ts";
import { useStore } from "../store.ts";
import { Gate } from "./gate.tsx";
import { TransportBadge } from "./transport-badge.tsx";

/** The state of the authenticated socket, as a gate and as a sentence. */
export function GateCard() {
  const connection = useStore(userConnection);
  const [title, text] = describe(connection);
  return (
    <div class="gate-card" data-status={connection.status}>
      <Gate open={connection.status === "open"} />
      <p class="gate-state" role="status">
        <strong>{title}</strong>
        <TransportBadge path="/auth_socket" />
        <span>{text}</span>
      </p>
    </div>
  );
}

function describe({ status, person }: UserConnection): [string, string] {
  switch (status) {
    case "none":
      return ["The gate is down", "No token yet."];
    case "connecting":
      return ["Someone is at the gate", "Its token is being checked."];
    case "open":
      return ["The gate is up", `${person?.name} passed, as users:${person?.id}.`];
    case "lost":
      return ["The gate fell", "The client knocks again by itself."];
    case "out":
      return ["The gate stays down", "The old token is refused."];
  }
}
