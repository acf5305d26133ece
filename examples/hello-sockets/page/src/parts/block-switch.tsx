import { blockWebSockets, transports, webSocketsBlocked } from "../live/transport.ts";
import { useStore } from "../store.ts";
import { SwitchLine } from "./switch-line.tsx";

/** Does to this page what some networks do to every page, to see the client find its way. */
export function BlockSwitch() {
  const blocked = useStore(webSocketsBlocked);
  const blockedElsewhere = !blocked && Object.values(useStore(transports)).includes("long-poll");
  return (
    <div class="card">
      <SwitchLine id="block" label="Block WebSockets in this page" checked={blocked} onSwitch={blockWebSockets}>
        {blockedElsewhere
          ? "Something on the way to the server blocks them already. The client noticed and went over to long-poll: "
          : "Some company proxies and virus scanners do. The client notices and goes over to long-poll: "}
        plain requests, which get through wherever a page does. Every step but 6 and 7 works the same.
      </SwitchLine>
    </div>
  );
}
