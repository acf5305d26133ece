/**
 * What a generic function returns that makes an authenticator.
 *
 * @module
 */

import type { Authenticator } from "./authenticator.ts";

/**
 * An {@link Authenticator}, written as an intersection: TypeScript puts off generic calls that return a function until it
 * has typed the functions next to them, and `connect` would be told that there is no identity.
 */
export type GenericAuthenticator<Result> = Authenticator<Result> & { readonly maxAgeMs?: number };
