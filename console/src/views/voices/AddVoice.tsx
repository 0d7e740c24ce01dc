import { useId, useState } from "preact/hooks";
import { request } from "../../api/client";
import { wordsFor } from "../../api/errors";
import { useTexts } from "../../i18n";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Checkbox, SelectField, TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { RecordingField } from "./RecordingField";
import { NAME, nameOf, type Recording } from "./recording";
import { LANGUAGES, type MadeVoice } from "./types";

interface Given {
  /** Names that are taken. */
  taken: readonly string[];
  onClose: () => void;
  onMade: (made: MadeVoice) => void;
}

/** Make a voice of a recording: the recording, a name, and the speaker's consent, which must be said. */
export function AddVoice({ taken, onClose, onMade }: Given) {
  const t = useTexts().voices.dialog;
  const shell = useTexts().shell;
  const [recording, setRecording] = useState<Recording | null>(null);
  const [name, setName] = useState("");
  const [language, setLanguage] = useState("");
  const [consent, setConsent] = useState(false);
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");

  const wrongName = name && !NAME.test(name) ? t.nameWrong : taken.includes(name) ? t.nameTaken : "";
  const ready = recording && name && !wrongName && consent;

  const make = async (event: Event) => {
    event.preventDefault();
    setAsked(true);
    if (!ready || busy) return;
    setBusy(true);
    setError("");
    const form = new FormData();
    form.set("name", name);
    form.set("audio", recording.wav, "recording.wav");
    form.set("consent", "true");
    if (language) form.set("language", language);
    try {
      const answer = await request("POST", "v1/voices", form);
      onMade((await answer.json()) as MadeVoice);
    } catch (thrown) {
      setError(wordsFor(thrown));
      setBusy(false);
    }
  };

  const form = useId();
  return (
    <Dialog
      title={t.title}
      wide
      onClose={() => !busy && onClose()}
      foot={
        <>
          <Button onClick={onClose} disabled={busy}>
            {shell.cancel}
          </Button>
          <Button kind="primary" busy={busy} onClick={() => void make(new Event("submit"))} disabled={!recording}>
            {t.make}
          </Button>
        </>
      }
    >
      <form id={form} class="stack" onSubmit={make}>
        <RecordingField
          onRead={(read, file) => {
            setRecording(read);
            if (!name && file) setName(nameOf(file));
          }}
        />
        <div class="voice-form">
          <TextField
            label={t.name}
            hint={t.nameHint}
            wrong={wrongName}
            value={name}
            onValue={setName}
            maxLength={64}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            required
          />
          <SelectField label={t.language} value={language} onValue={setLanguage} options={useLanguages(t.unknown)} />
        </div>
        <Consent
          checked={consent}
          onChecked={setConsent}
          wrong={asked && recording && !consent ? t.consentNeeded : ""}
        />
        {busy && <p role="status">{t.making}</p>}
        {error && <Notice kind="danger">{error}</Notice>}
      </form>
    </Dialog>
  );
}

function useLanguages(none: string): (readonly [string, string])[] {
  const names = useTexts().voices.languages;
  return [["", none] as const, ...LANGUAGES.map((tag) => [tag, names[tag]] as const)];
}

function Consent({
  checked,
  onChecked,
  wrong,
}: {
  checked: boolean;
  onChecked: (checked: boolean) => void;
  wrong: string | null | false;
}) {
  const t = useTexts().voices.dialog;
  return (
    <section class="voice-consent stack-small">
      <h3>{t.consentTitle}</h3>
      <p>{t.consentText}</p>
      <ul>
        {t.consentPoints.map((point) => (
          <li key={point}>{point}</li>
        ))}
      </ul>
      <p class="small muted">{t.consentLaw}</p>
      <Checkbox checked={checked} onChecked={onChecked} required>
        {t.consent}
      </Checkbox>
      <div role="status">{wrong && <span class="voice-wrong">{wrong}</span>}</div>
    </section>
  );
}
