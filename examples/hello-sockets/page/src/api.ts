import type {
  PassAnswer,
  Person,
  ProbeAnswer,
  ProbeQuestion,
  Problem,
  SessionAnswer,
  TokenAnswer,
  TreasuryRight,
} from "../../shared/api.ts";

/** The server said no, in a sentence for the person. */
export class Refused extends Error {
  readonly status: number;
  readonly field: Problem["field"];

  constructor(status: number, { problem, field }: Problem) {
    super(problem);
    this.status = status;
    this.field = field;
  }
}

/** There was no answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The server does not answer. Is it still running?");
  }
}

export const api = {
  session: () => ask<SessionAnswer>("GET", "/api/session"),
  signUp: (form: { name: string; password: string }) => ask<Person>("POST", "/api/sign-up", form),
  signIn: (form: { name: string; password: string }) => ask<Person>("POST", "/api/sign-in", form),
  signOut: () => ask<null>("POST", "/api/sign-out", {}),
  signOutEverywhere: () => ask<null>("POST", "/api/sign-out-everywhere", {}),
  socketToken: () => ask<TokenAnswer>("GET", "/api/socket-token"),
  pass: () => ask<PassAnswer>("GET", "/api/pass"),
  allowTreasury: (right: TreasuryRight) => ask<TreasuryRight>("POST", "/api/treasury", right),
  probe: (question: ProbeQuestion) => ask<ProbeAnswer>("POST", "/api/probe", question),
};

async function ask<Answer>(method: "GET" | "POST", path: string, body?: object): Promise<Answer> {
  const response = await fetch(path, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  }).catch(() => {
    throw new Unreachable();
  });
  if (response.status === 204) return null as Answer;
  const answer: unknown = await response.json().catch(() => ({ problem: `The server answered ${response.status}.` }));
  if (!response.ok) throw new Refused(response.status, answer as Problem);
  return answer as Answer;
}

/** A sentence for whatever went wrong. */
export function toSentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
