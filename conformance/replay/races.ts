// Where five runs of one scenario on one server gave several results: all of them are right.
import type { ServerEvent } from "./recording.ts";

export interface Race {
  readonly recording: string;
  readonly events: readonly number[];
  readonly why: string;
  /** Present when the events may come in any order but for `orders`. */
  readonly anyOrder?: { readonly orders: readonly (readonly number[])[] };
  readonly alsoRight?: (event: ServerEvent) => readonly ServerEvent[];
  /** The events that have to come before this one. */
  readonly after: (event: number) => readonly number[];
}

const races: readonly Omit<Race, "after">[] = [
  {
    recording: "v2-duplicate-join",
    events: [33, 34, 35, 36, 37, 38],
    why: "three joins at once: the close of an old channel may come after later join replies",
    anyOrder: {
      orders: [
        [33, 34, 35],
        [36, 37, 38],
        [33, 36],
        [34, 37],
        [35, 38],
      ],
    },
  },
  {
    recording: "v1-terminate-reasons",
    events: [77, 78],
    why: "the close of the old channel and a heartbeat that waited meanwhile",
    anyOrder: { orders: [] },
  },
  ...["longpoll-v1-disconnect", "longpoll-v2-disconnect"].map((recording) => ({
    recording,
    events: [9, 10],
    why: "whoever asked for the disconnect is answered while the poll is",
    anyOrder: { orders: [] },
  })),
  {
    recording: "head-v2-frame-too-large-default",
    events: [69],
    why: "the close frame is lost when the server closes while the client still writes",
    alsoRight: (event) => (event.dir === "close" ? [1006, 1009].map((code) => ({ ...event, code })) : []),
  },
];

/** The race an event of a recording takes part in. */
export function raceOf(recording: string, event: number): Race | undefined {
  const race = races.find((candidate) => candidate.recording === recording && candidate.events.includes(event));
  if (race === undefined) return undefined;
  const orders = race.anyOrder?.orders ?? [];
  return {
    ...race,
    after: (later) => orders.flatMap((order) => order.slice(0, Math.max(0, order.indexOf(later)))),
  };
}
