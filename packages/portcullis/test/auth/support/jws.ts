/** JSON Web Signatures made here by hand, so that they can be as wrong as wanted, and so that jose isn't tested with itself. */

import {
  constants,
  createHmac,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { now } from "./request.ts";

export const seconds: number = now / 1_000;
export const issuer = "https://issuer.example/";
export const audience = "https://api.example";

/** The claims of a token nobody has anything against. */
export const goodClaims: Readonly<Record<string, unknown>> = {
  iss: issuer,
  aud: audience,
  sub: "ada",
  iat: seconds - 60,
  exp: seconds + 3_600,
};

export interface TestKey {
  readonly kid: string;
  readonly alg: string;
  /** Signs bytes as the algorithm says. */
  readonly signer: (input: string) => Buffer;
  /** The public key, or the secret. */
  readonly verifying: KeyObject | Buffer;
  /** As it would be published. */
  readonly jwk: JsonWebKey & Record<string, unknown>;
}

const digests: Readonly<Record<string, string>> = { 256: "sha256", 384: "sha384", 512: "sha512" };
const curves: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

/** A new key for an algorithm. */
export function makeKey(alg: string, kid = `kid of ${alg}`, options: { curve?: string; bits?: number } = {}): TestKey {
  const digest = digests[alg.slice(2)] ?? "sha256";
  if (alg.startsWith("HS")) {
    const secret = randomBytes(64);
    return {
      kid,
      alg,
      verifying: secret,
      signer: (input) => createHmac(digest, secret).update(input).digest(),
      jwk: { kty: "oct", kid, alg, k: secret.toString("base64url") },
    };
  }
  const { publicKey, privateKey } =
    alg === "EdDSA" || alg === "Ed25519"
      ? generateKeyPairSync("ed25519")
      : alg.startsWith("ES")
        ? generateKeyPairSync("ec", { namedCurve: options.curve ?? (curves[alg] as string) })
        : generateKeyPairSync("rsa", { modulusLength: options.bits ?? 2_048 });
  return {
    kid,
    alg,
    verifying: publicKey,
    signer: signerOf(alg, privateKey),
    jwk: { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" },
  };
}

export function signerOf(alg: string, privateKey: KeyObject): (input: string) => Buffer {
  const digest = digests[alg.slice(2)] ?? "sha256";
  return (input) => {
    const bytes = Buffer.from(input);
    if (alg === "EdDSA" || alg === "Ed25519") return sign(null, bytes, privateKey);
    if (alg.startsWith("ES")) return sign(digest, bytes, { key: privateKey, dsaEncoding: "ieee-p1363" });
    if (alg.startsWith("PS")) {
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      return sign(digest, bytes, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    }
    return sign(digest, bytes, privateKey);
  };
}

export const encode = (part: string | Uint8Array): string => Buffer.from(part).toString("base64url");

/** A token of any text at all. */
export function rawToken(header: string, payload: string | Uint8Array, signer: (input: string) => Uint8Array): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${encode(signer(input))}`;
}

/** A token of a key, with some claims and header fields changed; `undefined` leaves one out. */
export function token(
  key: TestKey,
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): string {
  const fullHeader = JSON.stringify({ alg: key.alg, kid: key.kid, typ: "JWT", ...header });
  return rawToken(fullHeader, JSON.stringify({ ...goodClaims, ...claims }), key.signer);
}

/** The other valid ECDSA signature of the same text: (r, n - s) for P-256. */
export function otherSignature(signed: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const at = signed.lastIndexOf(".") + 1;
  const signature = Buffer.from(signed.slice(at), "base64url");
  const s = BigInt(`0x${signature.subarray(32).toString("hex")}`);
  const other = Buffer.from((order - s).toString(16).padStart(64, "0"), "hex");
  return signed.slice(0, at) + encode(Buffer.concat([signature.subarray(0, 32), other]));
}
