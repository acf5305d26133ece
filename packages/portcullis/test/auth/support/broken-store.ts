/** A store that is down. */

import type { CredentialStore } from "../../../src/auth/store.ts";

/** A store every method of which rejects. */
export function brokenStore(): CredentialStore {
  const fail = (): Promise<never> => Promise.reject(new Error("the store is down"));
  return {
    revocations: fail,
    putRevocation: fail,
    deleteRevocation: fail,
    putTicket: fail,
    takeTicket: fail,
    close: async () => {},
  };
}
