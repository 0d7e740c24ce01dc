import "./conversation.css";
import { useMemo } from "preact/hooks";
import { useTexts } from "../i18n";
import { clock } from "../lib/format";
import { Icon, type IconName } from "../ui/Icon";
import { Pill, type Tone } from "../ui/Pill";
import { conversation, type Line, type NoteLine, type VerdictLine } from "./conversation";
import { highlighted, phrasesOf } from "./highlight";
import { ReadOut } from "./ReadOut";
import type { Action, TranscriptRecord } from "./records";
import { verdictText } from "./verdict";

interface Given {
  records: readonly TranscriptRecord[];
  /** Lines are read out as they come. */
  live?: boolean;
  /** Words of the agent that were sent and have not been heard yet. */
  coming?: string;
  /** The language of what is said, where it is known. */
  language?: string;
}

/** The words of a call as they come: both speakers, verdicts, what was taken back. */
export function Conversation({ records, live, coming = "", language }: Given) {
  const t = useTexts().calls;
  const lines = useMemo(() => conversation(records), [records]);
  const phrases = phrasesOf(lines);
  // What is on its way goes on where the agent's last line stopped, unless somebody has spoken since.
  const last = lines.findLast((line) => line.kind !== "note");
  const open = last?.kind === "said" && last.speaker === "agent" ? last : null;
  const list = (
    <ol class="talk" aria-label={t.conversation}>
      {lines.map((line) => (
        <li key={line.key} class={lineClass(line)}>
          <LineTime line={line} />
          <LineBody line={line} phrases={phrases} coming={line === open ? coming : ""} language={language} />
        </li>
      ))}
      {!open && coming.trim() && (
        <li class="talk-line agent">
          <span class="talk-time">…</span>
          <span class="talk-body">
            <span class="talk-who">{t.speakers.agent}</span>
            <span class="talk-words talk-coming" lang={language || undefined}>
              {coming}
            </span>
          </span>
        </li>
      )}
    </ol>
  );
  if (!live) return list;
  return (
    <>
      <div role="log" aria-live="off">
        {list}
      </div>
      <ReadOut lines={lines} />
    </>
  );
}

export function lineClass(line: Line): string {
  return line.kind === "said" ? `talk-line ${line.speaker}` : `talk-line ${line.kind}`;
}

export function LineTime({ line }: { line: Line }) {
  return <span class="talk-time num">{clock(line.start_ms / 1000)}</span>;
}

interface Body {
  line: Line;
  /** Phrases of the gate, which are marked where they were said. */
  phrases?: readonly string[];
  coming?: string;
  language?: string | undefined;
}

/** What a line says, without its time. */
export function LineBody({ line, phrases = [], coming = "", language }: Body) {
  const t = useTexts().calls;
  if (line.kind === "said")
    return (
      <span class="talk-body">
        <span class="talk-who">{t.speakers[line.speaker]}</span>
        <span class="talk-words" lang={language || undefined}>
          {highlighted(line.text, phrases).map(([text, marked]) => (marked ? <mark>{text}</mark> : text))}
          {coming && <span class="talk-coming"> {coming}</span>}
        </span>
      </span>
    );
  if (line.kind === "unheard")
    return (
      <span class="talk-body">
        <span class="talk-who">
          {t.unheard} · {t.unheardWhy[line.reason] ?? line.reason}
        </span>
        <s class="talk-words">{line.text}</s>
      </span>
    );
  if (line.kind === "verdict") return <Verdict line={line} />;
  return <Note line={line} />;
}

export const ACTION_TONE: Readonly<Record<Action, Tone>> = {
  refuse: "warn",
  redirect: "warn",
  transfer: "accent",
  hangup: "danger",
};

function Verdict({ line: { verdict } }: { line: VerdictLine }) {
  const t = useTexts().calls;
  return (
    <span class="talk-body">
      <span class="talk-who row">
        <Icon name="shield" size={16} />
        {t.gate}
        <Pill tone={ACTION_TONE[verdict.action] ?? "warn"}>{t.actions[verdict.action] ?? verdict.action}</Pill>
      </span>
      <span class="talk-words">
        {verdictText(t, verdict)}
        {verdict.withheld && (
          <span class="talk-detail">
            {t.withheld}: <s>{verdict.withheld.trim()}</s>
          </span>
        )}
        {verdict.audible && verdict.heard && (
          <span class="talk-detail">
            {t.heardOfIt}: “{verdict.heard.trim()}”
          </span>
        )}
      </span>
    </span>
  );
}

const NOTE_ICON: Partial<Record<NoteLine["record"]["type"], IconName>> = {
  problem: "warn",
  ended: "hangup",
  person: "transfer",
  asked: "transfer",
};

function Note({ line: { record } }: { line: NoteLine }) {
  const t = useTexts().calls;
  return (
    <span class="talk-body">
      <Icon name={NOTE_ICON[record.type] ?? "info"} size={15} />
      <span>{t.note(record)}</span>
    </span>
  );
}
