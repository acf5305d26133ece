/** Credentials, and what is thought of new ones, as a test wants them. */

import type { FullIdentity } from "../../../src/auth/identity.ts";
import { defineSocket } from "../../../src/socket/socket.ts";
import type { Credential, RefreshVerdict } from "../../../src/socket/standing.ts";
import { settled } from "../../support/clock.ts";
import type { Frame } from "../../support/wire.ts";
import type { Client, ClientOptions, World } from "../../support/world.ts";

/** When the clock of a test stands still, and its credentials were issued. */
export const epoch = Date.UTC(2026, 0, 1);
export const hourMs = 3_600_000;

/** A socket of somebody with a name, who may enter some rooms. */
export const socket = defineSocket({
  authenticate: () => ({ subject: "ada" }),
  connect: () => ({ name: "", may: [] as string[] }),
});
export const assigns = (name: string, ...may: string[]) => ({ name, may });

/** Rooms for everyone. */
export const open = () => socket.channel("room:{id}", { authorize: "everyone" });

export function identity(own: Partial<FullIdentity> = {}): FullIdentity {
  return {
    authenticator: "test",
    issuer: null,
    tenant: null,
    subject: "ada",
    claims: null,
    tokenId: "token-1",
    keyId: null,
    issuedAt: epoch,
    expiresAt: epoch + hourMs,
    ...own,
  };
}

export function credential(own: Partial<FullIdentity> = {}): Credential {
  return { identity: identity(own), socketId: null, request: { params: {}, info: {} } };
}

/** A refresh that succeeds. */
export function renewal(assigns: object = {}, own: Partial<FullIdentity> = {}): RefreshVerdict {
  return { ok: true, identity: identity({ tokenId: "token-2", expiresAt: epoch + 2 * hourMs, ...own }), assigns };
}

/** One that doesn't. */
export function refusal(reason = "invalid"): RefreshVerdict {
  return { ok: false, reason, code: "credential_invalid", retry: "reauth" };
}

/** Somebody with a credential, for an hour where nothing else is said. */
export function enter(world: World, own: Partial<FullIdentity> = {}, options: ClientOptions = {}): Client {
  return world.connect({ ...options, credential: credential(own) });
}

/** Asks for a refresh. */
export function auth(client: Client, ref: unknown = "auth", payload: unknown = { token: "new" }): void {
  client.send(null, ref, "phoenix", "auth", payload);
}

/** Refreshes with what is to be thought of it, and gives what the client was told. */
export async function refreshed(world: World, client: Client, verdict: RefreshVerdict): Promise<readonly Frame[]> {
  world.verdicts.push(verdict);
  auth(client);
  await settled();
  return client.take();
}

export function beat(client: Client, ref = "beat"): void {
  client.send(null, ref, "phoenix", "heartbeat", {});
}

export const beaten = (ref = "beat"): Frame => [null, ref, "phoenix", "phx_reply", { status: "ok", response: {} }];

/** The answer to a refresh that succeeded. */
export function renewed(closed: readonly string[] = [], ref: unknown = "auth", expiresAt = epoch + 2 * hourMs): Frame {
  return [null, ref, "phoenix", "phx_reply", { status: "ok", response: { expiresAt, closed } }];
}

export function refused(reason = "invalid", retry: unknown = "reauth", ref: unknown = "auth"): Frame {
  return [null, ref, "phoenix", "phx_reply", { status: "error", response: { reason, retry } }];
}

export function closing(reason: string): Frame {
  return [null, null, "phoenix", "phx_closing", { reason, retry: "reauth" }];
}

/** What a channel that joined first is told when it ends. */
export function closeFrame(topic: string, reason: unknown = "unauthorized"): Frame {
  return ["1", "1", topic, "phx_close", { reason }];
}

/** Events of one topic, with what they carried. */
export function heard(
  frames: readonly Frame[],
  topic: string,
): readonly (readonly [event: unknown, payload: unknown])[] {
  return frames.filter((frame) => frame[2] === topic).map(([, , , event, payload]) => [event, payload]);
}

/** A hook that says each of these in its turn, and the last of them from then on. */
export function inTurn<Answer>(...answers: readonly Answer[]): { (): Answer; readonly asked: number } {
  let asked = 0;
  const say = (): Answer => {
    asked += 1;
    return answers[Math.min(asked, answers.length) - 1] as Answer;
  };
  return Object.defineProperty(say, "asked", { get: () => asked }) as never;
}
