/** A page's window and document, as far as a client listens to them. */

/** A page that stands in the global scope until it is removed. */
export interface Page {
  /** Listeners there are. */
  readonly listening: number;
  /** Has everybody hear of it who listens. */
  dispatch(type: "online" | "pageshow" | "visibilitychange", visibilityState?: "visible" | "hidden"): void;
  remove(): void;
}

export function openPage(): Page {
  const heard = new Set<{ readonly type: string; readonly listener: () => void }>();
  const target = {
    addEventListener: (type: string, listener: () => void) => void heard.add({ type, listener }),
    removeEventListener(type: string, listener: () => void) {
      for (const entry of heard) if (entry.type === type && entry.listener === listener) heard.delete(entry);
    },
  };
  const document = { ...target, visibilityState: "visible" };
  Object.assign(globalThis, { ...target, document });
  return {
    get listening() {
      return heard.size;
    },
    dispatch(type, visibilityState = "visible") {
      document.visibilityState = visibilityState;
      for (const entry of [...heard]) if (entry.type === type) entry.listener();
    },
    remove() {
      for (const name of ["addEventListener", "removeEventListener", "document"])
        Reflect.deleteProperty(globalThis, name);
    },
  };
}
