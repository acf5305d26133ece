/**
 * Who it is and what is remembered of them: the socket's own part of the gate, asked when somebody connects and again when
 * their credential is renewed.
 *
 * @module
 */

import { type FullIdentity, identityFrom } from "../auth/identity.ts";
import { checkPayload, type Checked as PayloadCheck } from "../channel/payload.ts";
import type { RefusalCode } from "../errors.ts";
import { type Acceptance, isAcceptance, isOutcome, isRejection, whenThere } from "../outcome.ts";
import { bareRecord } from "../record.ts";
import type { Params } from "../socket/params.ts";
import type { Credential } from "../socket/standing.ts";
import { type Attempt, AuthenticateCall, ConnectCall } from "./attempt.ts";
import type { Mount } from "./mount.ts";
import { failed, quote, type Refused, refuse, refuseReason } from "./refusal.ts";

/** What is known before anybody is asked. */
export interface Presented {
  readonly credential: string | null;
  readonly params: Params;
  readonly session: unknown;
  readonly attempt: Attempt;
}

export interface Identified {
  readonly ok: true;
  /** What the authenticator said; `undefined` without one. */
  readonly said: unknown;
  readonly identity: FullIdentity | null;
}

type Identifying = Identified | Refused | Promise<Identified | Refused>;

/** Asks the socket's authenticator, and whether what it vouches for was revoked. A promise only where somebody has to think. */
export function identify(mount: Mount, presented: Presented): Identifying {
  const { socket, environment } = mount;
  if (socket.authenticate === null) return { ok: true, said: undefined, identity: null };
  const { tokens, clock } = environment;
  const { attempt, credential, params, session } = presented;
  const call = new AuthenticateCall(attempt, { credential, params, session, tokens, now: clock.now() });
  return whenThere<unknown, Identified | Refused>(socket.authenticate(call), (said) => judge(mount, said));
}

function judge(mount: Mount, said: unknown): Identifying {
  if (isRejection(said)) return refuseReason(mount, credentialCode(said.reason), said);
  if (said === undefined || said === null || said === false) {
    return failed(mount, new TypeError("Expected authenticate to return an identity or reject(reason), got nothing."));
  }
  const identity = identityFrom(said);
  const identified: Identified = { ok: true, said, identity };
  return whenThere(whyRevoked(mount, identity), (why) => why ?? identified);
}

/** Refuses what has lapsed or was revoked, and everybody while that can't be known. */
export function whyRevoked(mount: Mount, identity: FullIdentity | null): Refused | null | Promise<Refused | null> {
  const { revocations, clock } = mount.environment;
  if (identity === null) return null;
  if (identity.expiresAt < clock.now()) return refuse(mount, "credential_expired", null);
  return whenThere(revocations.ready(), (ready) => lookUp(mount, identity, ready));
}

function lookUp(mount: Mount, identity: FullIdentity, ready: boolean): Refused | null {
  if (!ready) return refuse(mount, "revocations_unread", null);
  return mount.environment.revocations.isRevoked(identity)
    ? refuseReason(mount, "credential_revoked", { reason: "revoked", details: null })
    : null;
}

/** Checks the connection's params against the socket's schema, where it has one. */
export function checkParams(mount: Mount, params: Params): Checked | Refused | Promise<Checked | Refused> {
  const { params: schema } = mount.socket;
  if (schema === null) return { ok: true, value: params };
  return whenThere<PayloadCheck, Checked | Refused>(checkPayload(schema, params), (result) => {
    if (result.ok) return { ok: true, value: result.value };
    const where = result.refusal.issues.map((issue) => issue.path.join(".") || "(all)").join(", ");
    const why = (): string => `its params did not fit the socket's schema at ${quote(where)}.`;
    return refuse(mount, "params_invalid", why);
  });
}

interface Checked {
  readonly ok: true;
  readonly value: unknown;
}

interface Entered {
  readonly ok: true;
  readonly assigns: object;
  readonly socketId: string | null;
  readonly acceptance: Acceptance | null;
}

/** Asks the socket's `connect` and `id`. A promise only where `connect` gives one. */
export function enter(
  mount: Mount,
  asked: { readonly said: unknown; readonly params: unknown; readonly info: unknown; readonly attempt: Attempt },
): Entered | Refused | Promise<Entered | Refused> {
  const { socket, environment } = mount;
  const { said: identity, params, info, attempt } = asked;
  if (socket.connect === null) return admitted(mount, {});
  const call = new ConnectCall(attempt, { identity, params, info, tokens: environment.tokens });
  return whenThere<unknown, Entered | Refused>(socket.connect(call), (result) => admitted(mount, result));
}

function admitted(mount: Mount, result: unknown): Entered | Refused {
  const { socket } = mount;
  if (isRejection(result)) return refuseReason(mount, "connect_refused", result);
  const acceptance = isAcceptance(result) ? result : null;
  const assigns = acceptance === null ? result : acceptance.assigns;
  if (typeof assigns !== "object" || assigns === null || Array.isArray(assigns) || isOutcome(assigns)) {
    // Phoenix refuses too: a hook that forgot its `return` must not let anybody in.
    const forgotten = "connect returned neither assigns nor accept(…) nor reject(…). Does it return on every path?";
    return refuse(mount, "connect_refused", () => forgotten);
  }
  const socketId: unknown = socket.id === null ? null : socket.id(assigns);
  if (socketId !== null && typeof socketId !== "string") {
    return failed(mount, new TypeError(`Expected id of a socket to return a string or null, got ${typeof socketId}.`));
  }
  return { ok: true, assigns, socketId, acceptance };
}

/** What a connection keeps of how it was let in; `null` where nobody said who it is. */
export function credentialOf(
  { socket, from }: Mount,
  request: { readonly params: unknown; readonly info: unknown },
  { identity }: Pick<Identified, "identity">,
  { acceptance, socketId }: Pick<Entered, "acceptance" | "socketId">,
): Credential | null {
  // Without an authenticator nobody could tell whether a new credential is as good as the first: `connect` alone knows.
  const own = identity ?? identityFrom(acceptance);
  if (own === null) return null;
  if (socket.authenticate === null || identity === null) return { identity: own, socketId, request: null };
  const { params, info } = request;
  return { identity, socketId, request: { params: withoutToken(params, from), info: withAuthToken(info, null) } };
}

/** What `connect` is told of the request, with another token where it is told that. */
export function withAuthToken(info: unknown, token: string | null): unknown {
  return typeof info === "object" && info !== null && "authToken" in info ? { ...info, authToken: token } : info;
}

/** The credential itself is not kept: what was verified is. */
function withoutToken(params: unknown, from: Mount["from"]): unknown {
  if (!from.includes("params") || typeof params !== "object" || params === null) return params;
  const { token: _token, ...kept } = params as Readonly<Record<string, unknown>>;
  return Object.assign(bareRecord(), kept);
}

function credentialCode(reason: string | Uint8Array): RefusalCode {
  switch (reason) {
    case "missing":
      return "credential_missing";
    case "invalid":
      return "credential_invalid";
    case "expired":
      return "credential_expired";
    case "unavailable":
      return "credential_unverifiable";
    default:
      return "credential_refused";
  }
}
