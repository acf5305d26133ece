import { generateKeyPair, SignJWT } from "jose";
import type { JwtKey } from "portcullis/auth/jwt";

/** Who signs passes, and for whom they are meant. Both stand in every one. */
export const passIssuer = "https://passes.example";
export const passAudience = "hello-sockets";

/** A pass: a JSON Web Token, and when it lapses in epoch milliseconds. */
export interface Pass {
  readonly token: string;
  readonly expiresAt: number;
}

/** Stands in for an identity provider: it alone can sign, and everybody may have the key to verify with. */
export interface PassOffice {
  readonly seconds: number;
  readonly publicKey: JwtKey;
  issue(subject: string, audience?: string): Promise<Pass>;
}

/** With keys of its own that it keeps to itself: after a restart the passes from before are worth nothing. */
export async function createPassOffice(seconds: number): Promise<PassOffice> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  return {
    seconds,
    publicKey: { alg: "ES256", kid: "passes", key: publicKey },
    async issue(subject, audience = passAudience) {
      // Not whole seconds, as most issuers have them: what is signed in the second of a sign-out everywhere, but after
      // it, would count as signed before.
      const issuedAt = Date.now() / 1_000;
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: "ES256", kid: "passes" })
        .setIssuer(passIssuer)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + seconds)
        .sign(privateKey);
      return { token, expiresAt: Math.floor((issuedAt + seconds) * 1_000) };
    },
  };
}
