/**
 * Tickets: credentials for one use within seconds, for places where a credential may be seen, such as a URL.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { type Rejection, reject } from "../outcome.ts";
import type { Tokens } from "../token/token.ts";
import type { AuthenticateRequest, Authenticator, Identity } from "./authenticator.ts";
import type { CredentialStore } from "./store.ts";

/** Options of {@link createTickets}. */
export interface TicketsOptions {
  /** Where it is kept which tickets are still good. All nodes that issue or take them need the same one. */
  readonly store: CredentialStore;
  /**
   * How long a connection may last that was let in by a ticket, in seconds since the ticket was issued. `Infinity` has to be
   * written out.
   */
  readonly lifetimeSeconds: number;
  /** Within which time a ticket has to be used, in milliseconds. Default 30,000. */
  readonly ttlMs?: number;
  /** Sets tickets for one purpose apart from those for another, which are refused. Default none. */
  readonly salt?: string;
  /** The param of the URL a ticket may come in, besides the places the mount reads. Default: none. */
  readonly param?: string;
  /** How far in the future a ticket may be issued, in milliseconds, for clocks that differ. Default 2,000. */
  readonly clockSkewMs?: number;
  /** The clock tickets are issued by, epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

/** Whom a ticket is for. */
export type TicketHolder<Claims> = {
  readonly subject: string;
  readonly tenant?: string | null;
} & (null extends Claims ? { readonly claims?: Claims } : { readonly claims: Claims });

/** Options of {@link Tickets.issue}: less than what {@link createTickets} was given, never more. */
export interface IssueOptions {
  readonly ttlMs?: number;
  readonly lifetimeSeconds?: number;
}

/** Refusals of {@link Tickets.authenticate}. A ticket that was used already is `invalid`. */
export type TicketReason = "missing" | "invalid" | "expired";

/** Made by {@link createTickets}. */
export interface Tickets<Claims> {
  /**
   * Makes a ticket for somebody you know, in a route of yours that they are signed in to. Its text says nothing of them.
   * `claims` (any JSON, well below 4 KB) become `identity.claims`.
   *
   * @throws TypeError for a holder without a subject, claims that are no JSON, and times longer than what was agreed on.
   * Rejects when the store does.
   */
  issue(endpoint: { readonly tokens: Tokens }, holder: TicketHolder<Claims>, options?: IssueOptions): Promise<string>;
  /**
   * The authenticator. It takes the ticket out of the store before `connect` runs, so that a second use is refused on every
   * node, also when `connect` says no. Rejects when the store does: the connection is answered 500 then, and nobody is let in.
   */
  readonly authenticate: Authenticator<Identity<Claims> | Rejection<TicketReason>>;
}

/**
 * Tickets, to be issued and taken.
 *
 * @example
 * ```ts
 * const tickets = createTickets({ store, lifetimeSeconds: 3_600, param: "ticket" });
 * const socket = defineSocket({ authenticate: tickets.authenticate, connect: ({ identity }) => ({ userId: identity.subject }) });
 * // in a route of yours:
 * response.json({ ticket: await tickets.issue(endpoint, { subject: user.id }) });
 * // in the page: new Socket("/socket", { params: { ticket } })
 * ```
 *
 * @throws TypeError for options that can't be used.
 */
export function createTickets<Claims = null>(options: TicketsOptions): Tickets<Claims> {
  const { store, param, clockSkewMs = 2_000, now = Date.now } = options;
  const lifetimeMax = positive("lifetimeSeconds", options.lifetimeSeconds, Number.POSITIVE_INFINITY);
  const ttlMax = positive("ttlMs", options.ttlMs ?? 30_000, Number.MAX_SAFE_INTEGER);
  if (typeof store?.takeTicket !== "function" || typeof store.putTicket !== "function")
    throw new TypeError("Expected `store` of createTickets to be a CredentialStore.");
  for (const [name, value] of Object.entries({ salt: options.salt ?? "-", param: param ?? "-" })) {
    if (typeof value !== "string" || value === "")
      throw new TypeError(`Expected \`${name}\` of createTickets to be a non-empty string.`);
  }
  if (!(Number.isFinite(clockSkewMs) && clockSkewMs >= 0))
    throw new TypeError("Expected `clockSkewMs` of createTickets to be a number of milliseconds, zero or more.");
  // Nothing else is encrypted under this salt, whatever the purpose is called: no ticket is a token, and no token a ticket.
  const salt = `portcullis ticket: ${options.salt ?? ""}`;

  const issue = async (
    { tokens }: { readonly tokens: Tokens },
    holder: TicketHolder<Claims>,
    given: IssueOptions = {},
  ): Promise<string> => {
    const { subject, tenant = null, claims = null } = holder;
    if (typeof subject !== "string" || subject === "")
      throw new TypeError("Expected the `subject` of a ticket to be a non-empty string.");
    if (tenant !== null && typeof tenant !== "string")
      throw new TypeError("Expected the `tenant` of a ticket to be a string or null.");
    const ttlMs = positive("ttlMs", given.ttlMs ?? ttlMax, ttlMax);
    const lifetime = positive("lifetimeSeconds", given.lifetimeSeconds ?? lifetimeMax, lifetimeMax);
    const issuedAt = now();
    const id = randomBytes(18).toString("base64url");
    const expiresAt = issuedAt + ttlMs;
    // JSON has no Infinity.
    const endsAt = lifetime === Number.POSITIVE_INFINITY ? null : issuedAt + lifetime * 1_000;
    const text = JSON.stringify([id, subject, tenant, claims, expiresAt, endsAt] satisfies Content);
    const ticket = tokens.encrypt(salt, text, { signedAt: issuedAt, maxAgeSeconds: Math.ceil(ttlMs / 1_000) });
    await store.putTicket(id, expiresAt);
    return ticket;
  };

  const authenticate = async (request: AuthenticateRequest): Promise<Identity<Claims> | Rejection<TicketReason>> => {
    const { tokens, now: at } = request;
    const given = ticketIn(request, param);
    if (given === null) return reject("missing");
    // Its age is judged below, to the millisecond and by the same clock as everything else.
    const opened = tokens.decrypt(salt, given, { maxAgeSeconds: Number.POSITIVE_INFINITY });
    if (!opened.ok || typeof opened.data !== "string") return reject("invalid");
    const [id, subject, tenant, claims, expiresAt, endsAt] = JSON.parse(opened.data) as Content;
    if (!(opened.signedAt <= at + clockSkewMs)) return reject("invalid");
    if (!(at < expiresAt)) return reject("expired");
    if (!(await store.takeTicket(id, at))) return reject("invalid");
    return {
      authenticator: "ticket",
      issuer: null,
      tenant,
      subject,
      claims: claims as Claims,
      tokenId: id,
      keyId: opened.keyId,
      issuedAt: opened.signedAt,
      expiresAt: endsAt ?? Number.POSITIVE_INFINITY,
    };
  };
  return { issue, authenticate: Object.assign(authenticate, { maxAgeMs: lifetimeMax * 1_000 + clockSkewMs }) };
}

/** What is in a ticket. */
type Content = [
  id: string,
  subject: string,
  tenant: string | null,
  claims: unknown,
  expiresAt: number,
  endsAt: number | null,
];

/** The ticket of a request; one that is there twice, or is no text, is none that could be genuine. */
function ticketIn({ credential, params }: AuthenticateRequest, param: string | undefined): string | null {
  const inParams = param === undefined ? undefined : params[param];
  if (inParams === undefined) return credential;
  return credential === null && typeof inParams === "string" ? inParams : "";
}

function positive(name: string, value: number, most: number): number {
  if (typeof value === "number" && value > 0 && value <= most) return value;
  const limit = most === Number.POSITIVE_INFINITY ? "Write Infinity for no end" : `It may be ${most} at most`;
  throw new TypeError(`Expected \`${name}\` of tickets to be a positive number, got ${String(value)}. ${limit}.`);
}
