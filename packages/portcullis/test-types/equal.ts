/** True only for the very same type. */
export type Equal<Left, Right> =
  (<Probe>() => Probe extends Left ? 1 : 2) extends <Probe>() => Probe extends Right ? 1 : 2 ? true : false;

/** Compiles only for `true`. */
export function assertType<_Holds extends true>(): void {}
