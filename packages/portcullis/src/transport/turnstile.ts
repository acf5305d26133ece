/**
 * The turnstile in front of the gate: how many connections there are, and how many are tried in a second, on the node, from
 * an address and of a subject. It is passed before anything is looked at that costs something.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { FullIdentity } from "../auth/identity.ts";
import type { Clock } from "../clock.ts";
import { definitionError, type RefusalCode } from "../errors.ts";
import { addressKey } from "../limit/address.ts";
import { bounds } from "../limit/bounds.ts";
import { BucketTable } from "../limit/bucket-table.ts";
import { type OnGrown, type Place, type PlaceLimit, type PlaceLimits, Places } from "../limit/places.ts";
import { Bucket, type Rate } from "../limit/rate.ts";
import type { Mount } from "./mount.ts";
import { limitOf } from "./options.ts";
import type { RequestReader } from "./proxy.ts";
import { rateOf } from "./rates.ts";
import { type Refused, refuse } from "./refusal.ts";

/**
 * Limits of one endpoint in one process, over all its mounts. Whoever is being let in counts as connected. An address is the
 * client's own: behind a proxy that `trustedProxies` names, the one it forwards; of IPv6 addresses those that share their
 * first 64 bits count as one. `Infinity` limits nothing.
 */
export interface EndpointLimits {
  /** Connections in all; more are refused with 503. Default 100,000. */
  readonly connectionsMax?: number;
  /** Connections from one address; more are refused with 503. Default 20,000: many people may share one. */
  readonly connectionsPerAddressMax?: number;
  /** Connections of one identity; more are refused with 503. Default 1,000. */
  readonly connectionsPerSubjectMax?: number;
  /** Connects in a second; more are refused with 429. Default 2,000. */
  readonly connectsPerSecond?: number;
  /** Connects at once after a silence. Default 20,000, or twice the rate where only that is given. */
  readonly connectsBurst?: number;
  /** Connects in a second from one address; more are refused with 429. Default 200. */
  readonly connectsPerAddressPerSecond?: number;
  /** The same at once. Default 10,000, or twice the rate where only that is given. */
  readonly connectsPerAddressBurst?: number;
}

const knownLimits = new Set<string>([
  "connectionsMax",
  "connectionsPerAddressMax",
  "connectionsPerSubjectMax",
  "connectsPerSecond",
  "connectsBurst",
  "connectsPerAddressPerSecond",
  "connectsPerAddressBurst",
] satisfies (keyof EndpointLimits)[]);

const where = "the endpoint (limits)";
/** When to come back to where there is no room: nobody knows when there will be. */
const noRoomMs = 5_000;
/** What is left over in a moment is there for one: the others had better not all come at that moment. */
const comeBackMs = 1_000;

const whose: Readonly<Record<PlaceLimit, string>> = {
  connectionsMax: "in this process",
  connectionsPerAddressMax: "from its address",
  connectionsPerSubjectMax: "of its subject",
};
const namedProxies =
  "Behind a proxy, name it in trustedProxies of defineEndpoint: until then all its clients have one address.";

export class Turnstile {
  readonly places: Places;
  readonly #max: PlaceLimits;
  readonly #clock: Clock;
  readonly #reader: RequestReader;
  readonly #rate: Rate | null;
  readonly #all: Bucket | null;
  readonly #addressRate: Rate | null;
  readonly #addresses: BucketTable | null;

  /** @throws PortcullisError `definition_invalid` for a limit that isn't known, or no positive number. */
  constructor(given: EndpointLimits, { clock, reader }: { readonly clock: Clock; readonly reader: RequestReader }) {
    for (const name of Object.keys(given)) {
      if (!knownLimits.has(name))
        throw definitionError(`Unknown option "${name}" of ${where}. Known are: ${[...knownLimits].join(", ")}.`);
    }
    const max = (name: PlaceLimit): number => limitOf(where, name, given[name], bounds[name]);
    this.#max = {
      connectionsMax: max("connectionsMax"),
      connectionsPerAddressMax: max("connectionsPerAddressMax"),
      connectionsPerSubjectMax: max("connectionsPerSubjectMax"),
    };
    this.places = new Places(this.#max);
    this.#clock = clock;
    this.#reader = reader;
    this.#rate = rateOf(
      where,
      ["connectsPerSecond", "connectsBurst"],
      { rate: given.connectsPerSecond, burst: given.connectsBurst },
      { perSecond: bounds.connectsPerSecond, burst: bounds.connectsBurst },
    );
    this.#all = this.#rate === null ? null : new Bucket(this.#rate, clock.now());
    this.#addressRate = rateOf(
      where,
      ["connectsPerAddressPerSecond", "connectsPerAddressBurst"],
      { rate: given.connectsPerAddressPerSecond, burst: given.connectsPerAddressBurst },
      { perSecond: bounds.connectsPerAddressPerSecond, burst: bounds.connectsPerAddressBurst },
    );
    this.#addresses =
      this.#addressRate === null ? null : new BucketTable(this.#addressRate, bounds.addressBucketsMax, clock.now());
  }

  /** A place for whoever sent `request`, or why there is none. */
  enter(mount: Mount, request: IncomingMessage): Place | Refused {
    const address = this.#addressOf(request);
    const now = this.#clock.now();
    // The address first: what one client is refused must not use up what the others have.
    if (this.#addressRate !== null && this.#addresses !== null && address !== null) {
      const bucket = this.#addresses.of(address, now);
      const wait = take(mount, { limit: "connectsPerAddressPerSecond", rate: this.#addressRate, bucket, now });
      if (wait > 0) return tooFast(mount, "connectsPerAddressPerSecond", this.#addressRate, wait);
    }
    if (this.#rate !== null && this.#all !== null) {
      const wait = take(mount, { limit: "connectsPerSecond", rate: this.#rate, bucket: this.#all, now });
      if (wait > 0) return tooFast(mount, "connectsPerSecond", this.#rate, wait);
    }
    const place = this.places.take(address, this.#onGrown(mount));
    return typeof place === "string" ? this.#full(mount, place) : place;
  }

  /** Who it is, once that is known: why there is no room for one more of them. */
  name(mount: Mount, place: Place | null, identity: FullIdentity | null): Refused | null {
    if (place === null || identity === null || this.#max.connectionsPerSubjectMax === Number.POSITIVE_INFINITY)
      return null;
    const { authenticator, issuer, tenant, subject } = identity;
    // Mostly it says who it was that vouches, and no more.
    const kind = issuer === null && tenant === null ? authenticator : JSON.stringify([authenticator, issuer, tenant]);
    return place.name({ kind, subject }, this.#onGrown(mount)) ? null : this.#full(mount, "connectionsPerSubjectMax");
  }

  /** Looked up only where it is asked for: behind a proxy that takes a while. */
  #addressOf(request: IncomingMessage): string | null {
    const unlimited = this.#max.connectionsPerAddressMax === Number.POSITIVE_INFINITY && this.#addresses === null;
    return unlimited ? null : addressKey(this.#reader.peer(request).address);
  }

  #onGrown({ environment, path: mount }: Mount): OnGrown {
    return (limit, value) => {
      const max = this.#max[limit];
      if (value === Math.ceil(max * bounds.warnAt))
        environment.telemetry.emit("limit.warned", { mount, limit, value, max });
    };
  }

  #full(mount: Mount, limit: PlaceLimit): Refused {
    const max = this.#max[limit];
    const hint = limit === "connectionsPerAddressMax" ? ` ${namedProxies}` : "";
    const why = (): string =>
      `there are ${max} connections ${whose[limit]} already. Raise ${limit} in limits of defineEndpoint, or add a node.${hint}`;
    return heldBack(mount, { code: "connections_max", limit, max, afterMs: noRoomMs, why });
  }
}

function take(
  { environment, path: mount }: Mount,
  asked: { readonly limit: string; readonly rate: Rate; readonly bucket: Bucket; readonly now: number },
): number {
  const { limit, rate, bucket, now } = asked;
  const wait = bucket.take(rate, 1, now);
  if (wait === 0 && bucket.warns(rate, bounds.warnAt)) {
    const value = Math.round(rate.burst - bucket.level(rate, now));
    environment.telemetry.emit("limit.warned", { mount, limit, value, max: rate.burst });
  }
  return wait;
}

function tooFast(mount: Mount, limit: string, { perSecond, burst }: Rate, wait: number): Refused {
  const hint = limit === "connectsPerAddressPerSecond" ? ` ${namedProxies}` : "";
  const why = (): string =>
    `${limit} allows ${perSecond} (${burst} at once). Raise it in limits of defineEndpoint if these are no attack.${hint}`;
  return heldBack(mount, { code: "rate_limited", limit, max: burst, afterMs: Math.max(comeBackMs, wait), why });
}

function heldBack(
  mount: Mount,
  refusal: {
    readonly code: RefusalCode;
    readonly limit: string;
    readonly max: number;
    readonly afterMs: number;
    readonly why: () => string;
  },
): Refused {
  const { code, limit, max, afterMs, why } = refusal;
  mount.environment.telemetry.emit("limit.reached", { mount: mount.path, limit, max });
  const refused = refuse(mount, code, why, limit);
  const headers = { "retry-after": String(Math.ceil(afterMs / 1_000)) };
  return { ...refused, response: { ...refused.response, headers }, retry: { afterMs } };
}
