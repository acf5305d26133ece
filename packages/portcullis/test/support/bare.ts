/** Whether nothing can be found in `value` but what it holds itself, and nothing put where others would find it. */
export function inheritsNothing(value: unknown): boolean {
  const parent: object | null = Object.getPrototypeOf(value);
  if (parent === null) return true;
  return Reflect.ownKeys(parent).length === 0 && Object.isFrozen(parent) && Object.getPrototypeOf(parent) === null;
}
