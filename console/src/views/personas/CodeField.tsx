import { useEffect, useRef } from "preact/hooks";
import { useTexts } from "../../i18n";
import { endOfLine, indentAt, lineAt, placeOf } from "./lines";
import type { Problem } from "./shapes";

/** As in personas.css: the gutter stands beside the text line by line. */
const LINE_PX = 21;

/** A wish to be at a line; a new object each time, so that the same line can be wished again. */
export interface Jump {
  line: number;
  column: number;
}

interface Given {
  name: string;
  value: string;
  onValue: (value: string) => void;
  onSave: () => void;
  onLine: (line: number) => void;
  problems: readonly Problem[];
  warnings: readonly Problem[];
  readOnly: boolean;
  jump: Jump | null;
  /** The id of the words that say how many problems there are. */
  describedBy: string;
}

/** A text of many lines with their numbers, and marks at those that need a change. Tab leads out, as in any form. */
export function CodeField(given: Given) {
  const t = useTexts().personas;
  const area = useRef<HTMLTextAreaElement>(null);
  const side = useRef<HTMLDivElement>(null);
  const { value, jump } = given;
  const lines = value.split("\n").length;
  useEffect(() => {
    const text = area.current;
    if (!text || !jump) return;
    const place = placeOf(text.value, jump.line, jump.column);
    text.focus();
    text.setSelectionRange(place, endOfLine(text.value, place));
    text.scrollTop = Math.max(0, (jump.line - 4) * LINE_PX);
    text.scrollLeft = 0;
    given.onLine(jump.line);
  }, [jump]);
  const scrolled = () => {
    if (area.current && side.current) side.current.style.transform = `translateY(${-area.current.scrollTop}px)`;
  };
  const moved = () => area.current && given.onLine(lineAt(area.current.value, area.current.selectionStart));
  const pressed = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      given.onSave();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.isComposing && area.current) {
      const indent = indentAt(area.current.value, area.current.selectionStart);
      if (!indent) return;
      event.preventDefault();
      document.execCommand("insertText", false, `\n${indent}`); // the one way that the browser can undo
    }
  };
  return (
    <div class="code-field">
      <div class="code-side" aria-hidden="true">
        <div ref={side}>
          <Marks problems={given.warnings} kind="warn" />
          <Marks problems={given.problems} kind="danger" />
          <pre>{Array.from({ length: lines }, (_, at) => at + 1).join("\n")}</pre>
        </div>
      </div>
      <textarea
        ref={area}
        class="code-text"
        aria-label={t.file(given.name)}
        aria-describedby={given.describedBy}
        aria-invalid={given.problems.length ? "true" : undefined}
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        wrap="off"
        readOnly={given.readOnly}
        value={value}
        onInput={(event) => given.onValue(event.currentTarget.value)}
        onScroll={scrolled}
        onKeyDown={pressed}
        onKeyUp={moved}
        onClick={moved}
      />
    </div>
  );
}

function Marks({ problems, kind }: { problems: readonly Problem[]; kind: "warn" | "danger" }) {
  const lines = [...new Set(problems.map((problem) => problem.line))];
  return (
    <>
      {lines.map((line) => (
        <div key={line} class={`code-mark ${kind}`} data-line={line} style={{ top: `${(line - 1) * LINE_PX}px` }} />
      ))}
    </>
  );
}
