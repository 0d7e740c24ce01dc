import type { ComponentChildren } from "preact";
import { Icon } from "./Icon";

/** Something the reader should know, in its place on the page. What is dangerous is read out at once. */
export function Notice({
  kind = "info",
  children,
}: {
  kind?: "info" | "good" | "warn" | "danger";
  children: ComponentChildren;
}) {
  const icon = kind === "good" ? "check" : kind === "info" ? "info" : "warn";
  return (
    <div class={`notice ${kind}`} role={kind === "danger" ? "alert" : undefined}>
      <Icon name={icon} size={18} />
      <div class="grow">{children}</div>
    </div>
  );
}
