import type { IncomingMessage } from "node:http";
import { HttpProblem } from "./respond.ts";

/**
 * Lets a request that changes something through only if our own page sent it (protection against cross-site
 * request forgery). The cookie alone does not show that: a browser sends it whoever asks, and `SameSite=Lax` counts
 * every port of localhost as one site. The browser itself says where a request comes from, and no page can lie there:
 * `Sec-Fetch-Site` in browsers of 2023 and later, `Origin` on every POST in older ones.
 */
export function assertSameOrigin(request: IncomingMessage): void {
  const { origin, host } = request.headers;
  const site = request.headers["sec-fetch-site"];
  const said = site !== undefined || origin !== undefined;
  const ours = (site === undefined || site === "same-origin") && (origin === undefined || origin === `http://${host}`);
  if (!said || !ours) throw new HttpProblem(403, "This request did not come from our own page.");
  // A form of another site can't send this type without asking first, so it is a second lock on the same door.
  if (!request.headers["content-type"]?.startsWith("application/json")) {
    throw new HttpProblem(415, "Send JSON, with content-type application/json.");
  }
}
