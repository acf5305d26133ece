/**
 * The moments at which a page that waits should not wait any longer: the network is back, somebody looks at the page again,
 * the browser took it out of its cache.
 *
 * @module
 */

import type { Cancel } from "../clock.ts";

/** Of a page's window and document, what is used. */
interface Target {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

interface Page extends Target {
  readonly document?: Target & { readonly visibilityState?: string };
}

/** Calls `task` at every such moment until it is cancelled. Where there is no page there are none. */
export function onWake(task: () => void): Cancel {
  const page = globalThis as Page;
  const { document } = page;
  if (document === undefined) return () => {};
  const onVisible = (): void => {
    if (document.visibilityState === "visible") task();
  };
  const heard: readonly (readonly [Target, string, () => void])[] = [
    [page, "online", task],
    [page, "pageshow", task],
    [document, "visibilitychange", onVisible],
  ];
  for (const [target, type, listener] of heard) target.addEventListener?.(type, listener);
  return () => {
    for (const [target, type, listener] of heard) target.removeEventListener?.(type, listener);
  };
}
