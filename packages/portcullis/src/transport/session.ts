/**
 * Handing a session over, or not: the check between a browser's cookies and `connect`.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { whenThere } from "../outcome.ts";
import type { Params } from "../socket/params.ts";
import { csrf, csrfParam, isCsrfToken } from "./csrf.ts";
import type { Mount } from "./mount.ts";

/**
 * The session of a request as far as `connect` may see it: `null` without one, and when the param `_csrf_token` doesn't
 * fit it on a mount that checks.
 *
 * @throws what the application's own source of sessions throws, and TypeError when that gives no object.
 */
export function sessionFor(mount: Mount, request: IncomingMessage, params: Params): unknown {
  const { session, csrf: checks, environment } = mount;
  if (session === null) return null;
  const token = params[csrfParam];
  if (checks && !isCsrfToken(token)) {
    // Not looked up at all: a store is not to be asked for everybody who knows the address.
    if (request.headers.cookie !== undefined) warnWithheld(mount, token === undefined ? "was not sent" : "is no token");
    return null;
  }
  const check = (found: unknown): object | null => {
    if (found === null || found === undefined) return null;
    if (typeof found !== "object")
      throw new TypeError(`Expected load of requestSession to give an object or null, got ${typeof found}.`);
    if (!checks || csrf.fits(session.csrfState(found), token)) return found;
    warnWithheld(mount, "does not fit the session");
    return null;
  };
  return whenThere(session.load(request, environment.keys), check);
}

function warnWithheld(mount: Mount, why: string): void {
  mount.environment.telemetry.warn(
    `session ${mount.path} ${why}`,
    () =>
      `portcullis: a session was kept from connect of ${mount.path}: the param ${csrfParam} ${why}. This happens when a page doesn't send ` +
      "the token it was made with, or was made before the session was renewed. To fix it, put csrf.token(state) into the page and " +
      `send it: new Socket(url, { params: { ${csrfParam}: token } }).`,
  );
}
