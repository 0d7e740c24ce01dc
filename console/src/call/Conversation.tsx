import "./conversation.css";
import { useMemo } from "preact/hooks";
import { useTexts } from "../i18n";
import { clock } from "../lib/format";
import { Icon, type IconName } from "../ui/Icon";
import { Pill, type Tone } from "../ui/Pill";
import { conversation, type Line, type NoteLine, type VerdictLine } from "./conversation";
import type { Action, TranscriptRecord } from "./records";

interface Given {
  records: readonly TranscriptRecord[];
  /** Words are read out as they come. */
  live?: boolean;
}

/** The words of a call as they come: both speakers, verdicts, what was taken back. */
export function Conversation({ records, live }: Given) {
  const t = useTexts().calls;
  const lines = useMemo(() => conversation(records), [records]);
  const list = (
    <ol class="talk" aria-label={t.conversation}>
      {lines.map((line) => (
        <li key={line.key} class={lineClass(line)}>
          <LineTime line={line} />
          <LineBody line={line} />
        </li>
      ))}
    </ol>
  );
  return live ? (
    <div role="log" aria-live="polite">
      {list}
    </div>
  ) : (
    list
  );
}

export function lineClass(line: Line): string {
  return line.kind === "said" ? `talk-line ${line.speaker}` : `talk-line ${line.kind}`;
}

export function LineTime({ line }: { line: Line }) {
  return <span class="talk-time num">{clock(line.start_ms / 1000)}</span>;
}

/** What a line says, without its time. */
export function LineBody({ line }: { line: Line }) {
  const t = useTexts().calls;
  if (line.kind === "said")
    return (
      <span class="talk-body">
        <span class="talk-who">{t.speakers[line.speaker]}</span>
        <span class="talk-words">{line.text}</span>
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
        {t.verdict(verdict.topic, verdict.phrase, verdict.speaker)}
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
