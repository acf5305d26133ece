import { defineSocket } from "portcullis";
import { jwt } from "portcullis/auth/jwt";
import { type PassOffice, passAudience, passIssuer } from "../pass-office.ts";
import type { Rights } from "../rights.ts";

/** For holders of a pass, which is good for seconds. They are warned, and hand over the next one while connected. */
export function definePassSocket(passOffice: PassOffice, rights: Rights) {
  return defineSocket({
    authenticate: jwt({
      keys: passOffice.publicKey,
      issuer: passIssuer,
      // The same issuer signs passes for other apps. Without this line theirs would open this door as well.
      audience: passAudience,
      maxAgeSeconds: passOffice.seconds,
    }),
    // Runs again for every new pass, and so do the channels' `authorize`: a right that is gone is noticed then.
    connect: ({ identity }) => ({ userId: identity.subject, chambers: rights.chambersOf(identity.subject) }),
    id: (assigns) => `passes:${assigns.userId}`,
  });
}

export type PassSocket = ReturnType<typeof definePassSocket>;
