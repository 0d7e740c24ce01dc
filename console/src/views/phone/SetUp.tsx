import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { useLoaded } from "../../lib/load";
import { href } from "../../lib/router";
import { useStore } from "../../lib/store";
import type { Treatment } from "../../phone/devices";
import { Button } from "../../ui/Button";
import { Checkbox, Segments, SelectField, TextField } from "../../ui/Field";
import { Failed, Waiting } from "../../ui/Page";
import type { PersonaSummary } from "../personas/shapes";
import { chosenFormat, chosenPersona, handset, treatment, treatments, useCall } from "./handset";

/** Whom to call, and how. `asked` is the persona that the address names. */
export function SetUp({ asked }: { asked: string }) {
  const t = useTexts().phone;
  const again = useCall((call) => call.phase === "over");
  const format = useStore(chosenFormat);
  const [persona, setPersona] = useState(asked || chosenPersona.get());
  const [record, setRecord] = useState(false);
  const call = (event: Event) => {
    event.preventDefault();
    if (!persona) return;
    chosenPersona.set(persona);
    void handset.call({ persona, format, record, treatment: treatment() });
  };
  return (
    <form class="stack" onSubmit={call}>
      <Who persona={persona} onPersona={setPersona} />
      <div class="stack-small">
        <span class="field-label">{t.path}</span>
        <Segments
          label={t.path}
          value={format}
          onValue={chosenFormat.set}
          options={[
            ["pcm24", t.paths.pcm24],
            ["ulaw8", t.paths.ulaw8],
          ]}
        />
        <span class="small muted">{t.pathHints[format]}</span>
      </div>
      <Checkbox checked={record} onChecked={setRecord}>
        {t.record}
        <span class="small muted block">{t.recordHint}</span>
      </Checkbox>
      <details class="phone-more">
        <summary>{t.microphone}</summary>
        <div class="stack-small">
          {(Object.keys(treatments) as (keyof Treatment)[]).map((name) => (
            <Treated key={name} name={name} />
          ))}
          <p class="small muted">{t.treatmentHint}</p>
        </div>
      </details>
      <Button type="submit" kind="primary" icon="phone" disabled={!persona}>
        {again ? t.callAgain : t.call}
      </Button>
    </form>
  );
}

function Treated({ name }: { name: keyof Treatment }) {
  const t = useTexts().phone;
  const kept = treatments[name];
  return (
    <Checkbox checked={useStore(kept) === "on"} onChecked={(on) => kept.set(on ? "on" : "off")}>
      {t.treatments[name]}
    </Checkbox>
  );
}

interface WhoProps {
  persona: string;
  onPersona: (name: string) => void;
}

/** Those on duty to choose from; a name to type for a key that may talk but not look. */
function Who({ persona, onPersona }: WhoProps) {
  const t = useTexts().phone;
  const mayLook = useScope("personas:read");
  if (mayLook) return <Choice persona={persona} onPersona={onPersona} />;
  return (
    <TextField
      label={t.persona}
      hint={t.personaHint}
      value={persona}
      onValue={onPersona}
      autocapitalize="none"
      spellcheck={false}
      required
    />
  );
}

/** The last list, so that nothing jumps when a call ends while it is fetched anew. */
let known: PersonaSummary[] | null = null;

function Choice({ persona, onPersona }: WhoProps) {
  const t = useTexts().phone;
  const mayWrite = useScope("personas:write");
  const list = useLoaded("personas", (signal) => api.get<PersonaSummary[]>("v1/personas", { signal }));
  if (list.value) known = list.value;
  if (list.error) return <Failed message={list.error} retry={list.reload} />;
  if (!known) return <Waiting />;
  const ready = known.filter((one) => one.on_duty);
  if (!ready.length)
    return (
      <p>
        {t.none} {mayWrite && <a href={href(["personas"])}>{t.makeOne}</a>}
      </p>
    );
  const first = ready[0]?.name ?? "";
  if (!ready.some((one) => one.name === persona)) queueMicrotask(() => onPersona(first));
  return (
    <SelectField
      label={t.persona}
      value={persona}
      onValue={onPersona}
      options={ready.map((one) => [one.name, `${one.business ?? one.name} (${one.name})`] as const)}
    />
  );
}
