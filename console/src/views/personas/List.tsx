import { useState } from "preact/hooks";
import { api, request } from "../../api/client";
import { wordsFor } from "../../api/errors";
import { useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { moment } from "../../lib/format";
import { useLoaded } from "../../lib/load";
import { go, href } from "../../lib/router";
import { Button, LinkButton } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Empty, Failed, Page, Waiting } from "../../ui/Page";
import { keep, useUnsaved } from "./drafts";
import { Pills } from "./State";
import type { PersonaSummary } from "./shapes";

/** All personas. */
export function List() {
  const t = useTexts().personas;
  const mayWrite = useScope("personas:write");
  const [making, setMaking] = useState(false);
  const list = useLoaded("personas", (signal) => api.get<PersonaSummary[]>("v1/personas", { signal }));
  const create = mayWrite && (
    <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
      {t.create}
    </Button>
  );
  return (
    <Page title={t.title} lead={t.lead} actions={create}>
      {list.error && <Failed message={list.error} retry={list.reload} />}
      {!list.value && !list.error && <Waiting />}
      {list.value?.length === 0 && (
        <Empty icon="personas" title={t.empty}>
          <p>{t.emptyHint}</p>
        </Empty>
      )}
      {list.value && list.value.length > 0 && (
        <ul class="persona-list">
          {list.value.map((persona) => (
            <Entry key={persona.name} persona={persona} />
          ))}
        </ul>
      )}
      {making && <Making taken={list.value ?? []} onClose={() => setMaking(false)} />}
    </Page>
  );
}

function Entry({ persona }: { persona: PersonaSummary }) {
  const t = useTexts().personas;
  const mayTalk = useScope("talk");
  const unsaved = useUnsaved().has(persona.name);
  return (
    <li class="card stack-small persona-entry">
      <div class="row spread">
        <h2>
          <a href={href(["personas", persona.name])}>{persona.business ?? persona.name}</a>
        </h2>
        <code class="small muted">{persona.name}</code>
      </div>
      <Pills persona={persona} unsaved={unsaved} />
      {persona.problems[0] && (
        <p class="small persona-bad">
          {t.line(persona.problems[0].line)}: {persona.problems[0].what}
        </p>
      )}
      <dl class="pairs small">
        <dt>{t.agent}</dt>
        <dd>
          {persona.agent_name ?? "–"} {persona.language && <span class="muted">({persona.language})</span>}
        </dd>
        <dt>{t.voice}</dt>
        <dd>{persona.voice ?? "–"}</dd>
        <dt>{t.numbers}</dt>
        <dd class="num">{persona.numbers.join(", ") || t.noNumbers}</dd>
        {persona.blocked.length > 0 && (
          <>
            <dt>{t.blocked}</dt>
            <dd>{persona.blocked.join(", ")}</dd>
          </>
        )}
      </dl>
      <div class="row spread persona-entry-foot">
        <span class="small muted">{persona.updated_at && t.changed(moment(persona.updated_at))}</span>
        <div class="row">
          {mayTalk && persona.on_duty && (
            <LinkButton
              small
              icon="phone"
              href={href(["phone"], { persona: persona.name })}
              label={t.talkWith(persona.name)}
            >
              {t.talk}
            </LinkButton>
          )}
          <LinkButton small icon="edit" href={href(["personas", persona.name])} label={t.open(persona.name)}>
            {t.edit}
          </LinkButton>
        </div>
      </div>
    </li>
  );
}

/** As `NAME` in bridge/persona/schema.py. */
const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

function Making({ taken, onClose }: { taken: readonly PersonaSummary[]; onClose: () => void }) {
  const t = useTexts();
  const [name, setName] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const begin = async (event: Event) => {
    event.preventDefault();
    if (!NAME.test(name)) return setWrong(t.personas.newWrong);
    if (taken.some((persona) => persona.name === name)) return setWrong(t.personas.newTaken);
    setBusy(true);
    try {
      const answer = await request("GET", "v1/personas/template", undefined, {
        query: { name },
        headers: { Accept: "text/yaml" },
      });
      keep(name, { yaml: await answer.text(), saved: "", etag: null });
      onClose();
      go(href(["personas", name]));
    } catch (error) {
      setWrong(wordsFor(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={t.personas.newTitle} onClose={onClose}>
      <form class="stack" onSubmit={begin} noValidate>
        <TextField
          label={t.personas.newName}
          hint={t.personas.newNameHint}
          value={name}
          onValue={(value) => setName(value.trim().toLowerCase())}
          autocapitalize="none"
          spellcheck={false}
          maxLength={64}
          {...(wrong ? { wrong } : {})}
        />
        <div class="row dialog-acts">
          <Button onClick={onClose}>{t.shell.cancel}</Button>
          <Button type="submit" kind="primary" busy={busy}>
            {t.personas.newBegin}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
