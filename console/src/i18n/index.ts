import { kept } from "../lib/kept";
import { store, useStore } from "../lib/store";
import { en, type Texts } from "./en";

export type { Texts };
export type Language = "en" | "es";
export const LANGUAGES: readonly Language[] = ["en", "es"];

const wanted = typeof navigator === "undefined" ? [] : navigator.languages; // tests of pure modules have no browser
const preferred: Language = wanted
  .find((tag) => /^(en|es)\b/i.test(tag))
  ?.toLowerCase()
  .startsWith("es")
  ? "es"
  : "en";

/** The language that the reader chose, or the browser's first of those there are. */
export const language = kept<Language>("language", preferred, (value): value is Language =>
  LANGUAGES.includes(value as Language),
);

const current = store<Texts>(en);

/** The texts in the reader's language; the component is drawn again when that changes. */
export function useTexts(): Texts {
  return useStore(current);
}

/** The texts of this moment, for code that draws nothing. */
export function texts(): Texts {
  return current.get();
}

async function follow(): Promise<void> {
  const wanted = language.get();
  const next = wanted === "es" ? (await import("./es")).es : en;
  if (language.get() !== wanted) return;
  document.documentElement.lang = wanted;
  current.set(next);
}

/** Show the reader's language, now and whenever it changes. Waits until its texts are there. */
export async function applyLanguage(): Promise<void> {
  language.watch(() => void follow());
  await follow();
}
