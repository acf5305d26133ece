import { randomBytes } from "node:crypto";
import { createTokens } from "portcullis/token";
import type { ScenarioName } from "../../shared/api.ts";
import type { Config } from "../config.ts";
import type { Endpoint } from "../endpoint.ts";
import type { PassOffice } from "../pass-office.ts";
import { socketSalt } from "../sockets/user.ts";

/** One connection to try: where, from which page, with which token. */
export interface Attempt {
  readonly path: string;
  readonly origin: string;
  readonly token: string | null;
}

export interface ScenarioInput {
  readonly config: Config;
  readonly tokens: Endpoint["tokens"];
  readonly passOffice: PassOffice;
  readonly port: number;
  /** The token the page holds, for "held". */
  readonly heldToken: string | null;
}

const twoDaysMs = 2 * 86_400_000;

/** A closed list: nobody can make this server knock on any door but its own. */
export async function toAttempt(scenario: ScenarioName, input: ScenarioInput): Promise<Attempt> {
  const { config, tokens, passOffice, port } = input;
  const path = "/auth_socket/websocket";
  const origin = `http://${config.host}:${port}`;
  switch (scenario) {
    case "missing":
      return { path, origin, token: null };
    case "forged":
      return { path, origin, token: forgedToken() };
    case "expired":
      // Signed with the real secret, and worthless all the same: its day is over.
      return { path, origin, token: tokens.sign(socketSalt, "0", { signedAt: config.now() - twoDaysMs }) };
    case "audience": {
      // In every other respect as good as those this server lets in: the same issuer, the same key, fresh.
      const { token } = await passOffice.issue("0", "some-other-app");
      return { path: "/pass_socket/websocket", origin, token };
    }
    case "foreign":
      // The socket that asks for no token, so that nothing but the origin can be what is refused.
      return { path: "/socket/websocket", origin: `http://${config.foreignHost}:${port}`, token: null };
    case "held":
      return { path, origin, token: input.heldToken };
  }
}

/** Well-formed in every way, and signed by somebody who does not have our secret. */
function forgedToken(): string {
  return createTokens({ secretKeyBase: randomBytes(48).toString("base64") }).sign(socketSalt, "1");
}
