import type { ProbeAnswer, ScenarioName } from "../../../shared/api.ts";
import { api, toSentence } from "../api.ts";
import { type BrowserSaw, knock, knockByPoll, type PollSaw } from "./knock.ts";
import type { SocketPath } from "./log.ts";
import { transports, webSocketsBlocked } from "./transport.ts";
import { askWhy, type Explanation } from "./why.ts";

/** One try at the gate, from both sides. */
export type Attempt =
  | { readonly status: "idle" | "busy" }
  | { readonly status: "failed"; readonly problem: string }
  /** `saw` is null for the foreign page: it looks for itself, in its own frame. `why` is null where nothing was refused. */
  | {
      readonly status: "done";
      readonly answer: ProbeAnswer;
      readonly saw: BrowserSaw | PollSaw | null;
      readonly why: Explanation | null;
    };

export async function tryScenario(scenario: ScenarioName, heldToken: string | null): Promise<Attempt> {
  const held = scenario === "held" ? heldToken : null;
  try {
    const answer = await api.probe(held === null ? { scenario } : { scenario, token: held });
    if (scenario === "foreign") return { status: "done", answer, saw: null, why: null };
    // The browser tries the very token that the server tried on itself, in the way it gets through.
    const token = held ?? answer.token;
    const saw = isOverLongPoll()
      ? await knockByPoll(`${answer.path.replace(/websocket$/, "longpoll")}?vsn=2.0.0`, token)
      : await knock(`ws://${location.host}${answer.path}?vsn=2.0.0`, token);
    // And then does what every client may: asks.
    const refused = "httpStatus" in saw ? saw.status === 403 : !saw.opened;
    const socket = answer.path.replace(/\/websocket$/, "") as SocketPath;
    return { status: "done", answer, saw, why: refused ? await askWhy(socket, token) : null };
  } catch (error) {
    return { status: "failed", problem: toSentence(error) };
  }
}

function isOverLongPoll(): boolean {
  return webSocketsBlocked.get() || Object.values(transports.get()).includes("long-poll");
}
