import type { Line } from "./conversation";

/** The phrases that the gate met in a conversation. */
export function phrasesOf(lines: readonly Line[]): string[] {
  return lines.flatMap((line) => (line.kind === "verdict" && line.verdict.phrase ? [line.verdict.phrase] : []));
}

/**
 * A text in parts, each with whether it is one of the phrases: whole words, whatever their case, with a `*` for any
 * ending. For the eye only; the gate itself knows more forms of a word than this.
 */
export function highlighted(text: string, phrases: readonly string[]): (readonly [text: string, marked: boolean])[] {
  const wanted = phrases.map((phrase) =>
    phrase
      .trim()
      .split(/\s+/)
      .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace("\\*", "[\\p{L}\\p{N}]*"))
      .join("\\s+"),
  );
  if (!wanted.some(Boolean)) return [[text, false]];
  const found = new RegExp(`(?<![\\p{L}\\p{N}])(${wanted.filter(Boolean).join("|")})(?![\\p{L}\\p{N}])`, "iu");
  return text
    .split(found)
    .map((part, at) => [part, at % 2 === 1] as const)
    .filter(([part]) => part !== "");
}
