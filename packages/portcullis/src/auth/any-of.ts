/**
 * Several kinds of credentials for one socket.
 *
 * @module
 */

import { isRejection, type Rejection, reject } from "../outcome.ts";
import type { AuthenticateRequest, Authenticator, Identity, IdentityOf } from "./authenticator.ts";
import type { GenericAuthenticator } from "./generic-authenticator.ts";

/** Authenticators by a name of yours, in the order they are asked. */
export type AnyOfMembers = Readonly<Record<string, Authenticator<Identity | Rejection>>>;

/** Options of {@link anyOf}. */
export interface AnyOfOptions<Shared extends boolean = boolean> {
  /**
   * Whether a subject is the same somebody whichever member vouches for it: then a connection may be renewed by another
   * member's credential, and identities say neither member nor issuer. Default `false`: `"42"` of one has nothing to do with
   * `"42"` of another.
   */
  readonly sharedSubjects?: Shared;
}

type ResultOf<Member> = Member extends Authenticator<infer Result> ? Awaited<Result> : never;

type Named<Who, Name extends string> = Who extends unknown
  ? Omit<Who, "authenticator"> & { readonly authenticator: Name }
  : never;

/** The identities of all members. `identity.authenticator` is the member's name, and tells their claims apart. */
export type AnyOfIdentity<Members extends AnyOfMembers, Shared extends boolean> = {
  [Name in keyof Members & string]: Named<IdentityOf<ResultOf<Members[Name]>>, Shared extends true ? "anyOf" : Name>;
}[keyof Members & string];

/** The refusals of all members. */
export type AnyOfRejection<Members extends AnyOfMembers> = Extract<ResultOf<Members[keyof Members]>, Rejection>;

/**
 * What members say of a credential that is not theirs, or not good any more, from the least that is known of it to the most.
 * `unavailable` is more than `invalid`, which would have a client throw away what may be good; but one who says `expired` had
 * verified it.
 */
const VERDICTS: readonly unknown[] = ["missing", "invalid", "unavailable", "expired"];

/**
 * Takes a credential that one of the members takes. They are asked in their order until one knows who it is, or refuses for
 * a reason of its own, which ends it. Otherwise the refusal is the one that says most: `expired`, else `unavailable`,
 * `invalid`, `missing`. It doesn't say whose it is, and all members were asked.
 *
 * @example
 * ```ts
 * defineSocket({
 *   authenticate: anyOf({
 *     user: signedToken({ salt: "user socket", maxAgeSeconds: 86_400 }),
 *     backend: jwt({ keys, issuer, audience, maxAgeSeconds: 3_600 }),
 *   }),
 *   connect: ({ identity }) => ({ userId: identity.subject, isBackend: identity.authenticator === "backend" }),
 * });
 * ```
 *
 * @throws TypeError for members that are no functions, are `anyOf` themselves, or have a number as name: objects don't keep
 * those in order.
 */
export function anyOf<const Members extends AnyOfMembers, const Shared extends boolean = false>(
  members: Members,
  options: AnyOfOptions<Shared> = {},
): GenericAuthenticator<AnyOfIdentity<Members, Shared> | AnyOfRejection<Members>> {
  const named = checkedMembers(members);
  const shared = options.sharedSubjects === true;

  const authenticate = async (request: AuthenticateRequest): Promise<Identity | Rejection> => {
    let most: Rejection = reject("missing");
    for (const [name, member] of named) {
      const said: unknown = await member(request);
      if (!isRejection(said)) return renamed(said, name, shared);
      const rank = VERDICTS.indexOf(said.reason);
      if (rank === -1) return said;
      if (rank > VERDICTS.indexOf(most.reason)) most = said;
    }
    // Details would tell whose it is; when to come again is all a client needs.
    const retry: unknown = most.reason === "unavailable" ? most.details?.["retry"] : undefined;
    return retry === undefined ? reject(most.reason) : reject(most.reason, { retry });
  };

  const ages = named.map(([, { maxAgeMs }]) => maxAgeMs ?? Number.POSITIVE_INFINITY);
  return Object.assign(authenticate, { maxAgeMs: Math.max(...ages), "~anyOf": true }) as never;
}

function renamed(said: unknown, name: string, shared: boolean): Identity {
  if (typeof said !== "object" || said === null)
    throw new TypeError(`Expected ${name} of anyOf to return an identity or reject(reason), got ${typeof said}.`);
  const identity = said as Identity;
  return shared ? { ...identity, authenticator: "anyOf", issuer: null } : { ...identity, authenticator: name };
}

function checkedMembers(members: AnyOfMembers): readonly (readonly [string, Authenticator])[] {
  const named = Object.entries(members ?? {});
  if (named.length === 0)
    throw new TypeError("Expected anyOf to be given authenticators: { name: signedToken(…), … }.");
  for (const [name, member] of named) {
    if (typeof member !== "function")
      throw new TypeError(`Expected ${name} of anyOf to be an authenticator, got ${typeof member}.`);
    if ("~anyOf" in member) throw new TypeError(`Expected ${name} of anyOf not to be anyOf itself: list all in one.`);
    if (name === "" || /^\d+$/.test(name))
      throw new TypeError(
        `Expected members of anyOf to have names, got "${name}": it is what tells their subjects apart.`,
      );
  }
  return named;
}
