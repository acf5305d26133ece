import { readFileSync } from "node:fs";
import { anyOf, defineSocket, signedToken } from "portcullis";
import { jwt } from "portcullis/auth/jwt";

const billing = readFileSync(process.env["BILLING_PUBLIC_KEY"] ?? "billing.pem", "utf8");

export const socket = defineSocket({
  authenticate: anyOf({
    user: signedToken({ salt: "user socket", maxAgeSeconds: 86_400 }),
    billing: jwt({
      keys: { alg: "EdDSA", kid: "billing-2026", key: billing },
      issuer: "https://billing.example.com",
      audience: "realtime",
      maxAgeSeconds: 300,
    }),
  }),
  connect: ({ identity }) => ({ subject: identity.subject, isUser: identity.authenticator === "user" }),
  id: ({ subject, isUser }) => (isUser ? `users:${subject}` : null),
});
