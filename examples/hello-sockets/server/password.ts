import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(
  scrypt as (
    password: string,
    salt: Buffer,
    length: number,
    options: object,
    done: (error: Error | null, key: Buffer) => void,
  ) => void,
);

const blockSize = 8;
const parallelization = 3;
const keyBytes = 32;

/** Hashes and checks passwords with scrypt, off the main thread. */
export interface Passwords {
  /** `scrypt:<log2 N>:<r>:<p>:<salt>:<key>`: the cost is stored with every hash, so it can be raised later. */
  hash(password: string): Promise<string>;
  /** Takes as long for a user who does not exist (`stored` is null) as for one who does. */
  check(password: string, stored: string | null): Promise<boolean>;
}

/** `cost` is log2 of scrypt's N: one more doubles both time and memory. */
export async function createPasswords(cost: number): Promise<Passwords> {
  async function hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    const key = await scryptKey(password, salt, cost, blockSize, parallelization);
    return ["scrypt", cost, blockSize, parallelization, salt.toString("base64url"), key.toString("base64url")].join(
      ":",
    );
  }
  // What an unknown name is checked against, so that the clock does not tell who has an account.
  const decoy = await hash(randomBytes(16).toString("hex"));

  return {
    hash,
    async check(password, stored) {
      const [, n = "", r = "", p = "", salt = "", expected = ""] = (stored ?? decoy).split(":");
      const key = await scryptKey(password, Buffer.from(salt, "base64url"), Number(n), Number(r), Number(p));
      const same = timingSafeEqual(key, Buffer.from(expected, "base64url"));
      return same && stored !== null;
    },
  };
}

/** The same password typed on two keyboards can be two code-point sequences: NFKC makes them one. */
function scryptKey(password: string, salt: Buffer, cost: number, r: number, p: number): Promise<Buffer> {
  const N = 2 ** cost;
  return derive(password.normalize("NFKC"), salt, keyBytes, { N, r, p, maxmem: 256 * N * r });
}
