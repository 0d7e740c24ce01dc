import { useEffect, useRef, useState } from "preact/hooks";
import { type Texts, useTexts } from "../../i18n";
import { clock } from "../../lib/format";
import { highlighted, type Line, type Piece } from "../../phone/conversation";
import { Icon } from "../../ui/Icon";
import { useCall } from "./handset";

type PhoneTexts = Texts["phone"];

/** Both sides' words as they come. The newest stays in sight unless the reader has scrolled away from it. */
export function Words() {
  const t = useTexts().phone;
  const talk = useCall((call) => call.talk);
  const language = useCall((call) => call.language);
  const box = useRef<HTMLOListElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    const list = box.current;
    if (list && follows.current) list.scrollTop = list.scrollHeight;
  }, [talk]);
  const scrolled = (event: Event) => {
    const list = event.currentTarget as HTMLElement;
    follows.current = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  };
  const phrases = talk.lines.flatMap((line) => (line.kind === "verdict" && line.phrase ? [line.phrase] : []));
  // What is on its way goes on where the agent's last line stopped, unless somebody has spoken since.
  const last = talk.lines.findLast((line) => line.kind !== "note");
  const open = last?.kind === "agent" ? last : null;
  return (
    <section class="card phone-words" aria-label={t.conversation}>
      <h2>{t.conversation}</h2>
      {talk.lines.length === 0 && !talk.coming && <p class="muted">{t.conversationEmpty}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <ol class="phone-lines" ref={box} onScroll={scrolled} tabIndex={0} aria-label={t.conversation}>
        {talk.lines.map((line) => (
          <Said
            key={line.key}
            line={line}
            phrases={phrases}
            language={language}
            coming={line === open ? talk.coming : ""}
          />
        ))}
        {!open && talk.coming.trim() && (
          <li class="phone-line agent" lang={language || undefined}>
            <span class="phone-who">{t.agent}</span>
            <p class="coming">{talk.coming}</p>
          </li>
        )}
      </ol>
      <ReadOut lines={talk.lines} t={t} />
    </section>
  );
}

interface SaidProps {
  line: Line;
  phrases: readonly string[];
  language: string;
  coming: string;
}

function Said({ line, phrases, language, coming }: SaidProps) {
  const t = useTexts().phone;
  const at = <span class="phone-at num">{clock(line.atMs / 1000)}</span>;
  if (line.kind === "verdict") return <Verdict line={line} />;
  if (line.kind === "note")
    return (
      <li class="phone-line note">
        {at}
        <p>{t.notes[line.what](line.detail)}</p>
      </li>
    );
  const pieces = line.kind === "caller" ? [{ text: line.text, state: "heard" as const }] : line.pieces;
  return (
    <li class={`phone-line ${line.kind}`} lang={language || undefined}>
      <span class="phone-who">
        {line.kind === "caller" ? t.you : t.agent} {at}
      </span>
      <p>
        {pieces.map((piece) => (
          <Spoken piece={piece} phrases={phrases} />
        ))}
        {coming && <span class="coming">{coming}</span>}
      </p>
    </li>
  );
}

function Spoken({ piece, phrases }: { piece: Piece; phrases: readonly string[] }) {
  const t = useTexts().phone;
  if (piece.state === "unheard") return <s title={t.notHeard}>{piece.text}</s>;
  return <>{highlighted(piece.text, phrases).map(([text, marked]) => (marked ? <mark>{text}</mark> : text))}</>;
}

function Verdict({ line }: { line: Extract<Line, { kind: "verdict" }> }) {
  const t = useTexts().phone.verdict;
  const actions: Record<string, string> = t.actions;
  return (
    <li class="phone-line verdict">
      <Icon name="shield" size={18} />
      <div>
        <strong>{t[line.speaker](line.topic)}</strong>
        <p class="small">
          {[
            actions[line.action] ?? line.action,
            line.phrase && line.phrase !== line.topic && line.phrase,
            line.withheld.trim() && t.withheld(line.withheld.trim()),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
        {line.audible && <p class="small">{t.audible}</p>}
      </div>
    </li>
  );
}

/** A line is read out when the next one has begun, or nothing has been added to it for so long. */
const SETTLED_MS = 1500;

/** For screen readers: whole lines, once, instead of every word as it comes. */
function ReadOut({ lines, t }: { lines: readonly Line[]; t: PhoneTexts }) {
  const [quiet, setQuiet] = useState(false);
  useEffect(() => {
    setQuiet(false);
    const timer = setTimeout(() => setQuiet(true), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [lines]);
  const settled = quiet ? lines : lines.slice(0, -1);
  return (
    <div class="hidden-visually" aria-live="polite">
      {settled.slice(-5).map((line) => (
        <p key={line.key}>{spoken(line, t)}</p>
      ))}
    </div>
  );
}

function spoken(line: Line, t: PhoneTexts): string {
  if (line.kind === "caller") return `${t.you}: ${line.text}`;
  if (line.kind === "verdict") return t.verdict[line.speaker](line.topic);
  if (line.kind === "note") return t.notes[line.what](line.detail);
  const heard = line.pieces.filter((piece) => piece.state !== "unheard");
  return `${t.agent}: ${heard.map((piece) => piece.text).join("")}`;
}
