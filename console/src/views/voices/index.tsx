import "./voices.css";
import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { number } from "../../lib/format";
import { useLoaded } from "../../lib/load";
import { href } from "../../lib/router";
import { Button, LinkButton } from "../../ui/Button";
import { CopyLine } from "../../ui/Copy";
import { confirm } from "../../ui/Dialog";
import { SelectField, TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Failed, Page, Waiting } from "../../ui/Page";
import { announce, toast } from "../../ui/Toasts";
import type { ViewProps } from "..";
import { AddVoice } from "./AddVoice";
import { type Samples, useSamples } from "./sample";
import { LANGUAGES, type Language, MAX_LINE, type MadeVoice, type Voice, type Voices } from "./types";
import { VoiceCard } from "./VoiceCard";

export default function VoicesView(_: ViewProps) {
  const t = useTexts().voices;
  const mayWrite = useScope("voices:write");
  const loaded = useLoaded("voices", (signal) => api.get<Voices>("v1/voices", { signal }));
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<MadeVoice | null>(null);
  const voices = loaded.value;
  const add = mayWrite && voices && !voices.cannot_add;
  return (
    <Page
      title={t.title}
      lead={t.lead}
      actions={
        add && (
          <Button kind="primary" icon="plus" onClick={() => setAdding(true)}>
            {t.add}
          </Button>
        )
      }
    >
      {loaded.error && <Failed message={loaded.error} retry={loaded.reload} />}
      {!voices && loaded.loading && <Waiting />}
      {voices && (
        <div class="stack">
          {made && <Made made={made} />}
          {mayWrite && voices.cannot_add && <CannotAdd why={voices.cannot_add} />}
          <Everything voices={voices} mayWrite={mayWrite} reload={loaded.reload} />
        </div>
      )}
      {adding && voices && (
        <AddVoice
          taken={voices.voices.map((voice) => voice.name)}
          onClose={() => setAdding(false)}
          onMade={(what) => {
            setAdding(false);
            setMade(what);
            announce(t.dialog.made(what.voice.name));
            loaded.reload();
          }}
        />
      )}
    </Page>
  );
}

function Everything({ voices, mayWrite, reload }: { voices: Voices; mayWrite: boolean; reload: () => void }) {
  const t = useTexts().voices;
  const samples = useSamples();
  const [line, setLine] = useState("");
  const own = voices.audition === "voice";
  const drop = (voice: Voice) =>
    confirm({
      title: t.removeTitle(voice.name),
      text: t.removeText,
      act: t.remove,
      danger: true,
      run: async () => {
        await api.delete(`v1/voices/${encodeURIComponent(voice.name)}`);
        toast(t.removed(voice.name));
        reload();
      },
    });
  return (
    <>
      {voices.audition === "engine" && <Engine samples={samples} voice={voices.voices[0]} />}
      {voices.audition === "none" && <Notice>{t.noSound}</Notice>}
      {own && (
        <div class="card stack-small voice-line">
          <Line value={line} onValue={setLine} />
          <p class="small muted">{t.takesSlot}</p>
        </div>
      )}
      {GROUPS.map((group) => (
        <Group
          key={group}
          group={group}
          voices={voices.voices.filter((voice) => groupOf(voice) === group)}
          samples={samples}
          {...(own ? { line } : {})}
          {...(mayWrite ? { onDelete: drop } : {})}
        />
      ))}
    </>
  );
}

const GROUPS = ["custom", "natural", "varied", "other"] as const;
type GroupName = (typeof GROUPS)[number];

function groupOf(voice: Voice): GroupName {
  if (voice.custom) return "custom";
  return voice.category === "custom" ? "other" : voice.category;
}

interface GroupGiven {
  group: GroupName;
  voices: readonly Voice[];
  samples: Samples;
  /** What is spoken, where a voice can be heard. */
  line?: string;
  onDelete?: (voice: Voice) => void;
}

function Group({ group, voices, samples, line, onDelete }: GroupGiven) {
  const t = useTexts().voices;
  if (!voices.length && group !== "custom") return null;
  const missing = voices.length > 0 && voices.every((voice) => !voice.available);
  return (
    <section class="stack-small" aria-labelledby={`voices-${group}`}>
      <div>
        <h2 id={`voices-${group}`}>{t.groups[group]}</h2>
        <p class="small muted">
          {voices.length ? t.groupHints[group] : t.noneOwn}
          {missing && (
            <>
              {" "}
              {t.missingHint} <a href={href(["models"])}>{t.toModels}</a>
            </>
          )}
        </p>
      </div>
      <ul class="voices">
        {voices.map((voice) => (
          <VoiceCard
            key={voice.name}
            voice={voice}
            missing={!voice.available && !missing}
            playing={line === undefined ? null : samples.playing}
            {...(line === undefined
              ? {}
              : { onPlay: () => samples.toggle(voice.name, voice.name, { text: line.trim() }) })}
            {...(onDelete && voice.custom ? { onDelete: () => onDelete(voice) } : {})}
          />
        ))}
      </ul>
    </section>
  );
}

/** Where the engine has a voice of its own: that one is heard, by language, and nothing else is pretended. */
function Engine({ samples, voice }: { samples: Samples; voice: Voice | undefined }) {
  const t = useTexts().voices;
  const [line, setLine] = useState("");
  const [language, setLanguage] = useState<Language>("en");
  if (!voice) return null;
  const now = samples.playing?.state;
  return (
    <section class="card stack-small" aria-labelledby="voices-engine">
      <h2 id="voices-engine">{t.engineTitle}</h2>
      <p class="muted">{t.engineText}</p>
      <div class="voice-engine">
        <Line value={line} onValue={setLine} />
        <SelectField
          label={t.language}
          value={language}
          onValue={(value) => setLanguage(value as Language)}
          options={LANGUAGES.map((tag) => [tag, t.languages[tag]] as const)}
        />
        <Button
          icon={now ? "pause" : "play"}
          busy={now === "preparing"}
          onClick={() => samples.toggle(voice.name, t.engineVoice, { text: line.trim(), language })}
        >
          {now ? t.stop : t.play}
        </Button>
      </div>
    </section>
  );
}

function Line({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const t = useTexts().voices;
  return <TextField label={t.line} hint={t.lineHint} value={value} onValue={onValue} maxLength={MAX_LINE} />;
}

function CannotAdd({ why }: { why: "packages" | "model" }) {
  const t = useTexts().voices;
  return (
    <Notice>
      <div class="stack-small">
        <span>{t.cannotAdd[why]}</span>
        {why === "packages" ? (
          <CopyLine text="pip install 'callbridge[personaplex]'" />
        ) : (
          <div>
            <LinkButton small icon="models" href={href(["models"])}>
              {t.toModels}
            </LinkButton>
          </div>
        )}
      </div>
    </Notice>
  );
}

function Made({ made }: { made: MadeVoice }) {
  const t = useTexts().voices.dialog;
  return (
    <Notice kind="good">
      <div class="stack-small">
        <span>
          {t.made(made.voice.name)} {t.loudness(number(made.loudness, 1).replace("-", "−"))}
        </span>
        <span>{t.use}</span>
        <CopyLine text={`voice: ${made.voice.name}`} />
      </div>
    </Notice>
  );
}
