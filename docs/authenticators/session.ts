import { cookieSession, defineSocket, type Session, session } from "portcullis";

export const socket = defineSocket({
  connectInfo: [cookieSession({ key: "_my_app_key", signingSalt: "a salt" })], // or requestSession, for Express and others
  authenticate: session({
    subject: (content: Session) => content["user_id"] as string | undefined,
    issuedAt: (content: Session) => content["signed_in_at"] as number | undefined,
    tokenId: (content: Session) => content["session_id"] as string | undefined, // endpoint.revoke({ tokenId }) ends this one
    maxAgeSeconds: 86_400,
  }),
  connect: ({ identity }) => ({ userId: identity.subject }),
});
