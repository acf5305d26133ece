/** What travels as JSON between the page and the server. Both import it; only types cross. */

/** A signed-in person, as their own page sees them. */
export interface Person {
  readonly id: string;
  readonly name: string;
}

/** `GET /api/session`: who this browser is, and where the foreign page lives. */
export interface SessionAnswer {
  readonly person: Person | null;
  readonly foreignUrl: string;
}

/** `GET /api/socket-token`: the token the page hands to its socket. */
export interface TokenAnswer {
  readonly token: string;
}

/** `GET /api/pass`: a token with a short life, and its end in epoch milliseconds. */
export interface PassAnswer {
  readonly token: string;
  readonly expiresAt: number;
}

/** `POST /api/treasury`: whether the signed-in person may enter `chamber:treasury`. */
export interface TreasuryRight {
  readonly allowed: boolean;
}

/** Every answer of 400 and above: a sentence for the person, and the form field it belongs to. */
export interface Problem {
  readonly problem: string;
  readonly field?: "name" | "password";
}

/** The connections the demo can open from the server, by name. */
export const scenarioNames = ["missing", "forged", "expired", "audience", "foreign", "held"] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** `POST /api/probe`: which connection to open; `token` only for `held`, the token this page holds. */
export interface ProbeQuestion {
  readonly scenario: ScenarioName;
  readonly token?: string;
}

/** What the server said, byte for byte, which no page is allowed to read. */
export interface ProbeAnswer {
  /** Where it knocked, so that the browser can try the same door. */
  readonly path: string;
  /** The request that was sent, its token redacted. */
  readonly request: readonly string[];
  readonly statusLine: string;
  readonly headers: readonly string[];
  readonly body: string;
  /** The token that was used, so that the browser can try the same one; null where there was none. */
  readonly token: string | null;
}
