// What `connect` is given, and what its result makes of the socket.
import { type Authenticator, accept, defineSocket, type Identity, reject, signedToken } from "portcullis";
import { z } from "zod";
import { assertType, type Equal } from "./equal.ts";

// --- identity comes from authenticate, and only from there -----------------------------------------------------------
export const userSocket = defineSocket({
  authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 86_400 }),
  connect({ identity }) {
    assertType<Equal<typeof identity, Identity>>();
    return { userId: identity.subject };
  },
  id(assigns) {
    assertType<Equal<typeof assigns, { userId: string }>>();
    // @ts-expect-error no such assign
    assigns.userid;
    return `users:${assigns.userId}`;
  },
});

defineSocket({
  connect({ identity }) {
    assertType<Equal<typeof identity, undefined>>();
    return {};
  },
});

// a function of one's own
defineSocket({
  authenticate: async ({ credential }) => (credential === "open sesame" ? { name: "Ada" } : reject("who are you")),
  connect({ identity }) {
    assertType<Equal<typeof identity, { name: string }>>();
    return { name: identity.name };
  },
});
const named: Authenticator<{ team: string }> = () => ({ team: "a" });
defineSocket({ authenticate: named, connect: ({ identity }) => ({ team: identity.team.toUpperCase() }) });

// --- params: the schema's output, or unchecked -----------------------------------------------------------------------
defineSocket({
  params: z.object({ page: z.coerce.number(), token: z.string() }),
  connect({ params }) {
    assertType<Equal<typeof params, { page: number; token: string }>>();
    // @ts-expect-error not in the schema
    params.other;
    return { page: params.page };
  },
});
defineSocket({
  connect({ params }) {
    const raw = params["token"];
    // @ts-expect-error unchecked params may be lists and maps
    raw.toUpperCase();
    return {};
  },
});

// --- info: exactly what was asked for --------------------------------------------------------------------------------
defineSocket({
  connectInfo: ["peer", "userAgent", { region: "eu" }],
  connect({ info }) {
    const address: string = info.peer.address;
    const agent: string | null = info.userAgent;
    const region: string = info.region;
    // @ts-expect-error not asked for
    info.uri;
    return { address, agent, region };
  },
});
// @ts-expect-error no such info
defineSocket({ connectInfo: ["cookies"], connect: () => ({}) });

// --- assigns: refusals left out, acceptances opened ------------------------------------------------------------------
const classic = defineSocket({
  params: z.object({ token: z.string() }),
  connect({ params, tokens }) {
    const claim = tokens.verify("user socket", params.token, { maxAgeSeconds: 86_400 });
    if (!claim.ok) {
      assertType<Equal<typeof claim.reason, "missing" | "invalid" | "expired">>();
      return reject(claim.reason);
    }
    const subject = String(claim.data);
    return accept({ assigns: { userId: subject }, subject, expiresAt: claim.expiresAt });
  },
  id: (assigns) => `users:${assigns.userId}`,
});
type ClassicTypes = NonNullable<(typeof classic)["~types"]>;
assertType<Equal<ClassicTypes["assigns"], { userId: string }>>();
assertType<Equal<ClassicTypes["reasons"], "missing" | "invalid" | "expired">>();

const later = defineSocket({
  async connect() {
    return Math.random() > 2 ? reject("closed today") : { at: 1 };
  },
  id: (assigns) => String(assigns.at),
});
type LaterTypes = NonNullable<(typeof later)["~types"]>;
assertType<Equal<LaterTypes["assigns"], { at: number }>>();
assertType<Equal<LaterTypes["reasons"], "closed today">>();

// nothing at all is a socket too
export const openSocket = defineSocket();
// @ts-expect-error a hook that forgot its return would let anybody in
defineSocket({ connect() {} });
// @ts-expect-error misspelt
defineSocket({ conect: () => ({}) });
