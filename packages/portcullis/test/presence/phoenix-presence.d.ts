/** What these tests use of the official client's Presence, beside what the tests of clients use of it. */
declare module "phoenix" {
  /** Metas of a key, and what the server's fetch added. */
  export interface PresenceEntry {
    readonly metas: readonly (Readonly<Record<string, unknown>> & { readonly phx_ref: string })[];
  }

  export class Presence {
    constructor(channel: Channel, options?: { readonly events: { readonly state: string; readonly diff: string } });
    readonly state: Readonly<Record<string, PresenceEntry>>;
    onJoin(callback: (key: string, current: PresenceEntry | undefined, joined: PresenceEntry) => void): void;
    onLeave(callback: (key: string, current: PresenceEntry, left: PresenceEntry) => void): void;
    onSync(callback: () => void): void;
    list<Item = PresenceEntry>(by?: (key: string, entry: PresenceEntry) => Item): Item[];
  }
}

declare module "phoenix-1.7" {
  export { Presence } from "phoenix";
}
