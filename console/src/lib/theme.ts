import { kept } from "./kept";

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

/** The colours that the reader chose; `auto` follows the system. */
export const theme = kept<Theme>("theme", "auto", (value): value is Theme => THEMES.includes(value as Theme));

function show(): void {
  const root = document.documentElement;
  if (theme.get() === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme.get();
}

/** Let the page follow the choice from now on. */
export function applyTheme(): void {
  show();
  theme.watch(show);
}
