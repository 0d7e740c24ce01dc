import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { useTexts } from "../../i18n";
import { Segments, TextArea } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { useAsked } from "./check";
import type { Tried } from "./shapes";

type Speaker = "agent" | "caller";

/** Typing pauses for so long before the gate is asked. */
const PAUSE_MS = 250;

/** Words put to the gate of the text as it stands, while they are typed. */
export function GateTry({ yaml, usable }: { yaml: string; usable: boolean }) {
  const t = useTexts().personas.gate;
  const [speaker, setSpeaker] = useState<Speaker>("agent");
  const [text, setText] = useState("");
  const skip = !usable || !text.trim();
  const tried = useAsked(`${speaker}\n${text}\n${yaml}`, PAUSE_MS, skip, (signal) =>
    api.post<Tried>("v1/gate/try", { yaml, text, speaker }, { signal }),
  );
  return (
    <section class="card stack" aria-label={t.title}>
      <div class="card-head persona-head">
        <h2>{t.title}</h2>
        <Segments
          label={t.speaker}
          value={speaker}
          onValue={setSpeaker}
          options={[
            ["agent", t.speakers.agent],
            ["caller", t.speakers.caller],
          ]}
        />
      </div>
      <p class="small muted">{t.lead}</p>
      <TextArea
        label={t.text}
        hint={t.textHint}
        placeholder={t.sample}
        value={text}
        onValue={setText}
        rows={2}
        maxLength={2000}
      />
      <div aria-live="polite" aria-busy={tried.busy}>
        {!usable && <p class="muted">{t.broken}</p>}
        {tried.error && <Notice kind="danger">{tried.error}</Notice>}
        {!skip && tried.value && <Outcome tried={tried.value} speaker={speaker} text={text} />}
      </div>
    </section>
  );
}

interface OutcomeProps {
  tried: Tried;
  speaker: Speaker;
  text: string;
}

function Outcome({ tried, speaker, text }: OutcomeProps) {
  const t = useTexts().personas.gate;
  return (
    <div class="stack-small">
      <p class="persona-pieces">
        {tried.pieces.map(({ piece, action }) => (
          <Judged piece={piece} state={STATES[action]} />
        ))}
        <Judged piece={restOf(text, tried)} state="unsaid" />
      </p>
      {tried.blocked ? (
        <p>
          <strong class="persona-stopped">{t.stopped(tried.topic ?? "")}</strong>
          {tried.phrase && <span class="muted"> · {tried.phrase}</span>}
        </p>
      ) : (
        <p class="persona-passes">{speaker === "agent" ? t.passes : t.passesCaller}</p>
      )}
      {tried.refusal && (
        <p>
          <span class="small muted">{t.instead}: </span>“{tried.refusal}”
        </p>
      )}
    </div>
  );
}

const STATES = { pass: "heard", forbid: "withheld", refuse: "refused" } as const;

/** What stands behind the refused piece, and is therefore never said. */
function restOf(text: string, { pieces }: Tried): string {
  const judged = pieces.map((piece) => piece.piece).join("");
  const at = text.indexOf(judged.trim());
  return at < 0 ? "" : text.slice(at + judged.trim().length).trimEnd();
}

/** By colour, by a line, and in words for those who see neither. */
function Judged({ piece, state }: { piece: string; state: "heard" | "withheld" | "refused" | "unsaid" }) {
  const t = useTexts().personas.gate.legend;
  if (!piece.trim() || state === "heard") return <span>{piece}</span>;
  return (
    <mark class={state} title={t[state]}>
      <span class="hidden-visually">[{t[state]}: </span>
      {piece}
      <span class="hidden-visually">]</span>
    </mark>
  );
}
