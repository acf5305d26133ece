/** A room with presence and no network, as the server the recordings were made with has it. */
import type { AnyChannel } from "../../../src/channel/channel.ts";
import type { Presence } from "../../../src/presence/presence.ts";
import { defineSocket } from "../../../src/socket/socket.ts";
import { settled } from "../../support/clock.ts";
import type { Frame } from "../../support/wire.ts";
import { type Client, World } from "../../support/world.ts";

export type Meta = Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: whatever its fetch returns.
type AnyPresence = Presence<Meta, any>;

interface Join {
  readonly user_id: string;
  readonly meta?: Meta;
}

/** `presence:*`: tracks after the join, then pushes the state; and an event for everything a presence can do. */
export function roomWith(presence: AnyPresence): AnyChannel {
  return defineSocket()
    .channel("presence:{room}", {
      join(params, channel) {
        channel.assign(params as object);
        channel.send("joined", params);
      },
    })
    .info({
      async joined({ user_id, meta = {} }: Join, channel) {
        presence.track(channel, user_id, meta);
        const state = presence.list(channel);
        channel.push("presence_state", state instanceof Promise ? await state : state);
      },
    })
    .on({
      track: (payload, channel) => {
        const { key, meta, broadcast = true } = payload as { key: string; meta: Meta; broadcast?: boolean };
        const outcome = presence.track(channel, key, meta, { broadcast });
        return outcome.ok ? { ok: true } : outcome;
      },
      update: (payload, channel) => {
        const outcome = presence.update(channel, userOf(channel), payload as Meta);
        return outcome.ok ? {} : outcome;
      },
      merge: (payload, channel) => {
        presence.update(channel, userOf(channel), (meta) => ({ ...meta, ...(payload as Meta) }));
        return {};
      },
      untrack: (payload, channel) => {
        presence.untrack(channel, (payload as { key?: string }).key);
        return {};
      },
      list: (_payload, channel) => presence.list(channel),
      get: async (payload, channel) => {
        const found: unknown = await presence.get(channel, (payload as { key: string }).key);
        return { found: found ?? null };
      },
      counts: (_payload, channel) => presence.counts(channel),
      crash() {
        throw new Error("on purpose");
      },
    });
}

function userOf(channel: { readonly assigns: object }): string {
  return (channel.assigns as Join).user_id;
}

export const topic = "presence:1";

/** A world with that room in it. */
export function roomWorld(presence: AnyPresence): World {
  return new World([roomWith(presence)]);
}

/** Joins as `user`, and waits until everybody has been told. */
export async function enter(world: World, user: string, meta: Meta = {}): Promise<Client> {
  const client = world.connect();
  client.join(topic, "1", { user_id: user, meta });
  await settled();
  return client;
}

/** Events of the room, without the replies. */
export function heard(client: Client): readonly { readonly event: unknown; readonly payload: unknown }[] {
  return client
    .take()
    .filter(([, , , event]) => event !== "phx_reply")
    .map(([, , , event, payload]: Frame) => ({ event, payload }));
}

/** Pushes, and gives the reply's response. */
export async function ask(client: Client, event: string, payload: object = {}): Promise<unknown> {
  client.take();
  client.push(topic, event, payload);
  await settled();
  const reply = client.take().find(([, , , name]) => name === "phx_reply") as Frame;
  return (reply[4] as { readonly response: unknown }).response;
}

/** Refs `ref-1`, `ref-2`… padded to their 16 characters, in the order in which they are made. */
export function countedRandom(): (size: number) => Uint8Array {
  let count = 0;
  return (size) => {
    count += 1;
    return new Uint8Array(size).fill(count);
  };
}

/** The ref that {@link countedRandom} makes as its `count`th. The first is the replica's name. */
export function refNumber(count: number): string {
  return Buffer.from(new Uint8Array(12).fill(count + 1)).toString("base64url");
}
