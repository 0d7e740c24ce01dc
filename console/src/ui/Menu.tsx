import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** A button that opens a short list: a native disclosure, which also closes by Escape and by a press elsewhere. */
export function Menu({ label, children }: { label: string; children: ComponentChildren }) {
  const element = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const elsewhere = (event: PointerEvent) => {
      const menu = element.current;
      if (menu?.open && event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
    };
    document.addEventListener("pointerdown", elsewhere);
    return () => document.removeEventListener("pointerdown", elsewhere);
  }, []);
  const pressed = (event: KeyboardEvent) => {
    const menu = element.current;
    if (event.key !== "Escape" || !menu?.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  };
  return (
    <details class="menu" ref={element} onKeyDown={pressed}>
      <summary class="button">{label}</summary>
      <ul class="menu-list card">{children}</ul>
    </details>
  );
}
