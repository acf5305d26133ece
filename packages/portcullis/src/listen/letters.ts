/**
 * What the primary and its workers say to each other, over the channel Node gives them. The program may use the same channel:
 * what is ours is under one key, and what isn't is not looked at.
 *
 * @module
 */

import type { KnownRevocations } from "../auth/revocation.ts";
import type { MeshPlace } from "../pubsub/mesh.ts";
import type { Sharing } from "./listen.ts";

/** What a worker says. */
export type WorkerLetter =
  /** It has begun to listen, and asks where the others meet. `node` is its name on the bus. */
  | { readonly kind: "come"; readonly node: string }
  /** It hears the others, and asks for what it has to know. */
  | { readonly kind: "joined" }
  | { readonly kind: "listening"; readonly port: number }
  /** It can't. */
  | { readonly kind: "failed"; readonly reason: string }
  /** It has stopped listening, as it was told. */
  | { readonly kind: "unlistened" }
  /** It has closed its endpoint, as it was told. */
  | { readonly kind: "closed" };

/** What the primary says. */
export type PrimaryLetter =
  /** Where to meet; `null`: on the endpoint's own bus. */
  | { readonly kind: "meet"; readonly place: MeshPlace | null }
  /** What to know first, whom else to ask, and where to listen then. */
  | {
      readonly kind: "go";
      readonly known: KnownRevocations;
      readonly nodes: readonly string[];
      readonly port: number;
      readonly sharing: Sharing;
    }
  | { readonly kind: "unlisten" | "drain" | "close" };

/** In a worker's environment: that its primary is one of ours. */
export const workerVariable = "PORTCULLIS_WORKER";

const key = "~portcullis";

export function seal(letter: WorkerLetter | PrimaryLetter): object {
  return { [key]: letter };
}

/** Both ends run the same program, and nobody else can write there. */
export function open<Letter extends WorkerLetter | PrimaryLetter>(message: unknown): Letter | null {
  if (typeof message !== "object" || message === null || !(key in message)) return null;
  return message[key] as Letter;
}
