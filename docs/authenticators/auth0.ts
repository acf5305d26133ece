import { defineSocket } from "portcullis";
import { jwks, jwt } from "portcullis/auth/jwt";
import { z } from "zod";

// With the slash at its end: issuers are compared character by character.
const issuer = process.env["AUTH0_ISSUER"] ?? "https://example.eu.auth0.com/";
const roles = "https://example.com/roles"; // Auth0 wants claims of one's own in a namespace

export const socket = defineSocket({
  authenticate: jwt({
    keys: jwks({ url: new URL(".well-known/jwks.json", issuer), algorithms: ["RS256"] }),
    issuer,
    audience: process.env["AUTH0_AUDIENCE"] ?? "https://api.example.com", // the API's identifier, not the client's
    maxAgeSeconds: 86_400,
    claims: z.object({ scope: z.string().default(""), [roles]: z.array(z.string()).default([]) }),
  }),
  connect: ({ identity }) => ({
    userId: identity.subject, // "auth0|…", or "…@clients" for a machine
    mayListen: identity.claims.scope.split(" ").includes("listen:rooms"),
    roles: identity.claims[roles],
  }),
  id: ({ userId }) => `users:${userId}`,
});
