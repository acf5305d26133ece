import type { ComponentChildren } from "preact";

export type Tone = "pass" | "refuse" | "plain";

/** Something the person should know now; read aloud when it appears. */
export function Notice({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <div class={`notice ${tone}`} role={tone === "refuse" ? "alert" : "status"}>
      {children}
    </div>
  );
}

/** One word on how something ended. Never colour alone: the word says it too. */
export function Verdict({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`verdict ${tone}`}>{children}</span>;
}
