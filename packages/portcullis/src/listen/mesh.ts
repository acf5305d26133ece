/**
 * The mesh, as the bus of one endpoint that has no other.
 *
 * @module
 */

import type { PubSubAdapter } from "../pubsub/adapter.ts";
import { type MeshPlace, meshAdapter } from "../pubsub/mesh.ts";
import type { ListenHost } from "./host.ts";

/** An adapter that says through the endpoint what it has lost, and who is not let in. */
export function meshOf({ clock, telemetry }: ListenHost, place: MeshPlace): PubSubAdapter {
  return meshAdapter({
    place,
    clock,
    onOverflow(bytes) {
      telemetry.emit("pubsub.overflowed", { bytes });
      telemetry.warn(
        "mesh overflowed",
        () =>
          `portcullis: another process of this machine doesn't read what it is told, and ${bytes} bytes for it were thrown away. ` +
          "It is blocked: by a loop that doesn't end, by a debugger, or because it was stopped.",
      );
    },
    onFault() {
      telemetry.emit("pubsub.refused", { fault: "unreadable" });
      telemetry.warn(
        "mesh fault",
        () =>
          "portcullis: somebody wrote to the sockets between the workers what no worker writes, and was hung up on. Other programs " +
          "have no business there.",
      );
    },
  });
}
