import { defineSocket } from "portcullis";
import { jwks, jwt } from "portcullis/auth/jwt";
import { z } from "zod";

const baseUrl = process.env["BETTER_AUTH_URL"] ?? "https://example.com";

export const socket = defineSocket({
  authenticate: jwt({
    keys: jwks({ url: `${baseUrl}/api/auth/jwks`, algorithms: ["EdDSA"] }),
    issuer: baseUrl, // both are the base URL unless the plugin `jwt()` was told otherwise
    audience: baseUrl,
    maxAgeSeconds: 900,
    claims: z.object({ email: z.email(), name: z.string() }), // the user, as the plugin puts it in
  }),
  connect: ({ identity }) => ({ userId: identity.subject, name: identity.claims.name }),
  id: ({ userId }) => `users:${userId}`,
});
