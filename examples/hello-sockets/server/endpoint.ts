import { type CredentialStore, defineEndpoint } from "portcullis";
import type { Accounts } from "./accounts.ts";
import { defineChamberChannel } from "./channels/chamber.ts";
import { pingChannel } from "./channels/ping.ts";
import { defineRoomChannel } from "./channels/room.ts";
import { defineUserChannel } from "./channels/user.ts";
import type { Config } from "./config.ts";
import type { PassOffice } from "./pass-office.ts";
import type { Rights } from "./rights.ts";
import { definePassSocket } from "./sockets/pass.ts";
import { publicSocket } from "./sockets/public.ts";
import { defineUserSocket } from "./sockets/user.ts";

export interface EndpointParts {
  readonly accounts: Accounts;
  readonly passOffice: PassOffice;
  readonly rights: Rights;
  /** Where what was revoked outlives a restart. */
  readonly store: CredentialStore;
}

/** The only file that knows every socket and every channel. */
export function createEndpoint(config: Config, { accounts, passOffice, rights, store }: EndpointParts) {
  const userSocket = defineUserSocket(accounts);
  const passSocket = definePassSocket(passOffice, rights);
  return defineEndpoint({
    // A page under any other name than this one is refused: `origins: true` compares with it, and is the default.
    url: { host: config.host },
    secretKeyBase: config.secretKeyBase,
    logger: config.logger,
    store,
    sockets: {
      // Long-poll is for browsers whose network lets no WebSocket through. The gate is the same for both.
      "/socket": { socket: publicSocket, channels: [pingChannel], longpoll: true },
      "/auth_socket": {
        socket: userSocket,
        channels: [defineUserChannel(userSocket), defineRoomChannel(userSocket)],
        longpoll: true,
        // Says why in the body. "invalid" is all that a forger learns. Over long-poll it is 403 and no more.
        refusal: ({ reason }) => ({
          status: 403,
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ reason }),
        }),
      },
      "/pass_socket": {
        socket: passSocket,
        channels: [defineChamberChannel(passSocket)],
        longpoll: true,
        refreshGraceMs: config.passGraceMs,
      },
    },
  });
}

export type Endpoint = ReturnType<typeof createEndpoint>;
