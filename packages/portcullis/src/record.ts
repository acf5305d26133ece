/**
 * Records whose keys a client chooses: any key is just a key, `__proto__` among them.
 *
 * @module
 */

/**
 * What `Object.create(null)` is, but kept by V8 as an object with a shape and not as a hash table of 400 bytes: one is made
 * for every connection and every joined channel.
 */
class BareRecord {}

Reflect.deleteProperty(BareRecord.prototype, "constructor");
Object.setPrototypeOf(BareRecord.prototype, null);
Object.freeze(BareRecord.prototype);

/** An empty record that inherits nothing, to be filled. */
export function bareRecord<Value>(): Record<string, Value> {
  return new BareRecord() as Record<string, Value>;
}

/** One that stays empty: for all those who have nothing to hold. */
export const emptyRecord: Readonly<Record<string, never>> = Object.freeze(bareRecord<never>());
