import type { ProbeAnswer, ScenarioName } from "../../../shared/api.ts";
import { api, toSentence } from "../api.ts";
import { type BrowserSaw, knock } from "./knock.ts";

/** One try at the gate, from both sides. */
export type Attempt =
  | { readonly status: "idle" | "busy" }
  | { readonly status: "failed"; readonly problem: string }
  /** `saw` is null for the foreign page: it looks for itself, in its own frame. */
  | { readonly status: "done"; readonly answer: ProbeAnswer; readonly saw: BrowserSaw | null };

export async function tryScenario(scenario: ScenarioName, heldToken: string | null): Promise<Attempt> {
  const held = scenario === "held" ? heldToken : null;
  try {
    const answer = await api.probe(held === null ? { scenario } : { scenario, token: held });
    if (scenario === "foreign") return { status: "done", answer, saw: null };
    // The browser tries the very token that the server tried on itself.
    const saw = await knock(`ws://${location.host}/auth_socket/websocket?vsn=2.0.0`, held ?? answer.token);
    return { status: "done", answer, saw };
  } catch (error) {
    return { status: "failed", problem: toSentence(error) };
  }
}
