import { fileURLToPath } from "node:url";
import { consoleLogger, type Logger } from "portcullis";
import { developmentSecret } from "./secret.ts";

/** Everything that differs between `npm start`, production and a test. */
export interface Config {
  /** Where the account file and the development secret live. */
  readonly dataDirectory: string;
  /** Where Vite put the built page. */
  readonly pageDirectory: string;
  /** Signs page sessions and socket tokens. */
  readonly secretKeyBase: string;
  /** The name people open the page under. A page under any other name is foreign. */
  readonly host: string;
  /** A second name of the same machine: to a browser, another site. */
  readonly foreignHost: string;
  /** Cost of one password check: log2 of scrypt's N. 15 takes about 0.2 s and 32 MiB. */
  readonly passwordCost: number;
  /** Sign-ins and sign-ups that one address, and sign-ins that one name, may have in a minute. */
  readonly attemptsPerMinute: number;
  /** Connections one address may have this server open to itself in a minute. */
  readonly probesPerMinute: number;
  /** How long the short-lived token of steps 6 and 7 is good for. */
  readonly passSeconds: number;
  /** How long a connection whose token has lapsed may stay, in silence, to be given another. */
  readonly passGraceMs: number;
  readonly now: () => number;
  /** Where the endpoint says whom it refused, and why. */
  readonly logger: Logger;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Reads `DATA_DIR`, `PAGE_DIR` and `SECRET_KEY_BASE`; `overrides` win, for tests. */
export function readConfig(env: NodeJS.ProcessEnv, overrides: Partial<Config> = {}): Config {
  const dataDirectory = overrides.dataDirectory ?? env["DATA_DIR"] ?? here("../data");
  return {
    dataDirectory,
    pageDirectory: env["PAGE_DIR"] ?? here("../page/dist"),
    secretKeyBase: overrides.secretKeyBase ?? env["SECRET_KEY_BASE"] ?? developmentSecret(dataDirectory, env),
    host: "localhost",
    foreignHost: "127.0.0.1",
    passwordCost: 15,
    attemptsPerMinute: 20,
    probesPerMinute: 120,
    passSeconds: 20,
    passGraceMs: 5_000,
    now: Date.now,
    logger: consoleLogger,
    ...overrides,
  };
}
