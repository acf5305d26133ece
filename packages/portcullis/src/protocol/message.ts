/**
 * The one thing that crosses the wire: a message with five fields.
 *
 * @module
 */

/**
 * A message as a client sent it. `joinRef`, `ref` and even `topic` and `event` may hold any JSON value: clients are
 * free to send nonsense, and it is echoed or refused, never coerced (`1` is not `"1"`).
 */
export interface Message {
  readonly joinRef: unknown;
  readonly ref: unknown;
  readonly topic: unknown;
  readonly event: unknown;
  /** A JSON value, or a `Uint8Array` when it came in a binary frame. */
  readonly payload: unknown;
}

/** What a serializer makes: a text frame or a binary frame. */
export type FrameData = string | Uint8Array;
