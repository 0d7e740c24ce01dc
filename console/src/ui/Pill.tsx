import type { ComponentChildren } from "preact";

export type Tone = "plain" | "good" | "warn" | "danger" | "accent";

/** A short word of state; `dot` adds a mark of the same colour. */
export function Pill({ tone = "plain", dot, children }: { tone?: Tone; dot?: boolean; children: ComponentChildren }) {
  return (
    <span class={`pill ${tone}`}>
      {dot && <span class="dot" />}
      {children}
    </span>
  );
}
