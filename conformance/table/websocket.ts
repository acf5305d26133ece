// The WebSocket transport: the client that plays recordings, as a wire.
import { Client, type Observation } from "../replay/client.ts";
import { encodeClose, opcodes } from "../replay/frames.ts";
import type { Open, Sight } from "./wire.ts";

export const openWebSocket: Open = (target, see) => {
  const client = new Client({
    ...target,
    deflate: false,
    observe(observation) {
      const sight = sightOf(observation);
      if (sight !== null) see(sight);
    },
  });
  return {
    send(frame) {
      client.send(typeof frame === "string" ? opcodes.text : opcodes.binary, Buffer.from(frame));
    },
    leave() {
      client.send(opcodes.close, encodeClose(1000, ""));
    },
    kill() {
      client.kill();
    },
  };
};

function sightOf(observation: Observation): Sight | null {
  switch (observation.type) {
    case "upgraded":
      return { type: "open", protocol: observation.headers["sec-websocket-protocol"]?.toString() ?? null };
    case "refused":
      return { type: "refused", status: observation.status, body: observation.body };
    case "text":
      return { type: "frame", frame: observation.text };
    case "binary":
      return { type: "frame", frame: observation.data };
    case "closed":
      return { type: "closed", code: observation.code };
    case "broken":
    case "unreachable":
      return observation;
    default:
      return null;
  }
}
