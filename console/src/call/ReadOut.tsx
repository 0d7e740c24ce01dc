import { useEffect, useState } from "preact/hooks";
import { type Texts, useTexts } from "../i18n";
import type { Line } from "./conversation";
import { verdictText } from "./verdict";

/** A line is read out when the next one has begun, or nothing has been added to it for so long. */
const SETTLED_MS = 1500;

/** How many of the last lines are there to be read. */
const SHOWN = 5;

/** For screen readers: whole lines, once, instead of every word as it comes. */
export function ReadOut({ lines }: { lines: readonly Line[] }) {
  const t = useTexts().calls;
  const [quiet, setQuiet] = useState(false);
  useEffect(() => {
    setQuiet(false);
    const timer = setTimeout(() => setQuiet(true), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [lines]);
  const settled = quiet ? lines : lines.slice(0, -1);
  return (
    <div class="hidden-visually" aria-live="polite">
      {settled.slice(-SHOWN).map((line) => (
        <p key={line.key}>{spoken(line, t)}</p>
      ))}
    </div>
  );
}

function spoken(line: Line, t: Texts["calls"]): string {
  switch (line.kind) {
    case "said":
      return `${t.speakers[line.speaker]}: ${line.text}`;
    case "unheard":
      return `${t.unheard}: ${line.text}`;
    case "verdict":
      return `${t.gate}: ${verdictText(t, line.verdict)}`;
    case "note":
      return t.note(line.record);
  }
}
