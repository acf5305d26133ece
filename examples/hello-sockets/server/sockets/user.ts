import { defineSocket, reject, signedToken } from "portcullis";
import type { Accounts } from "../accounts.ts";

/** Names the use of a token. A token signed for the page's session does not open a socket, nor the other way round. */
export const socketSalt = "user socket";

/** Nobody passes without a token of ours. One from before they signed out everywhere is refused without asking here. */
export function defineUserSocket(accounts: Accounts) {
  return defineSocket({
    authenticate: signedToken({ salt: socketSalt, maxAgeSeconds: 86_400 }),
    async connect({ identity }) {
      const account = await accounts.findById(identity.subject);
      if (!account) return reject("unknown user");
      return { userId: account.id, name: account.name };
    },
    // `endpoint.disconnect("users:7")` ends every connection with this id.
    id: (assigns) => `users:${assigns.userId}`,
  });
}

export type UserSocket = ReturnType<typeof defineUserSocket>;
