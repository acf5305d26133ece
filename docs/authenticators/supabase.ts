import { defineSocket } from "portcullis";
import { jwks, jwt } from "portcullis/auth/jwt";
import { z } from "zod";

const url = process.env["SUPABASE_URL"] ?? "https://example.supabase.co";
const signingKeys = jwks({ url: `${url}/auth/v1/.well-known/jwks.json`, algorithms: ["ES256"] });
// Projects from before signing keys have one secret for everything. Drop it once no token of that time is left.
const legacySecret = process.env["SUPABASE_JWT_SECRET"];

export const socket = defineSocket({
  authenticate: jwt({
    keys: legacySecret === undefined ? signingKeys : [{ alg: "HS256", key: legacySecret }, signingKeys],
    issuer: `${url}/auth/v1`,
    audience: "authenticated", // the keys "anon" and "service_role" are signed with the same secret
    maxAgeSeconds: 3_600,
    claims: z.object({ session_id: z.string(), is_anonymous: z.boolean().default(false) }),
  }),
  connect: ({ identity }) => ({
    userId: identity.subject,
    sessionId: identity.claims.session_id,
    isGuest: identity.claims.is_anonymous,
  }),
  id: ({ sessionId }) => `sessions:${sessionId}`, // endpoint.disconnect(…) when a session is signed out
});
