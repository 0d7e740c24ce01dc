import { useEffect, useId, useState } from "preact/hooks";
import { api } from "../../api/client";
import { ApiError } from "../../api/errors";
import { useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { useLoaded } from "../../lib/load";
import { go, href } from "../../lib/router";
import { Button, LinkButton } from "../../ui/Button";
import { confirm } from "../../ui/Dialog";
import { Notice } from "../../ui/Notice";
import { Failed, Page, Waiting } from "../../ui/Page";
import { toast, toastError } from "../../ui/Toasts";
import { CodeField, type Jump } from "./CodeField";
import { Conflict, type Theirs } from "./Conflict";
import { useAsked } from "./check";
import { type Draft, draftOf, drop, isUnsaved, keep, useDraft } from "./drafts";
import { GateTry } from "./GateTry";
import { Prompt } from "./Prompt";
import { Report } from "./Report";
import { Duty } from "./State";
import { fetchDetail, remove, save } from "./save";
import type { Checked, PersonaDetail } from "./shapes";

/** Typing pauses for so long before the text is checked. */
const PAUSE_MS = 350;

/** One persona: its file, what is wrong with it, its prompt, its gate. A new one begins as a draft alone. */
export function Editor({ name }: { name: string }) {
  const t = useTexts().personas;
  const draft = useDraft(name);
  const begun = draftOf(name)?.etag === null;
  const loaded = useLoaded<PersonaDetail | null>(`${name}:${begun}`, (signal) =>
    begun ? Promise.resolve(null) : fetchDetail(name, signal),
  );
  const detail = loaded.value;
  useEffect(() => {
    const now = draftOf(name);
    if (detail && (!now || !isUnsaved(now))) keep(name, { yaml: detail.yaml, saved: detail.yaml, etag: detail.etag });
  }, [detail]);
  const back = { href: href(["personas"]), text: t.back };
  if (draft) return <Desk name={name} draft={draft} detail={detail} reload={loaded.reload} />;
  return (
    <Page title={name} back={back}>
      {loaded.error ? <Failed message={loaded.error} retry={loaded.reload} /> : <Waiting />}
    </Page>
  );
}

interface DeskProps {
  name: string;
  draft: Draft;
  detail: PersonaDetail | null;
  reload: () => void;
}

function Desk({ name, draft, detail, reload }: DeskProps) {
  const t = useTexts().personas;
  const mayWrite = useScope("personas:write");
  const mayTalk = useScope("talk");
  const status = useId();
  const [busy, setBusy] = useState(false);
  const [theirs, setTheirs] = useState<Theirs | null>(null);
  const [jump, setJump] = useState<Jump | null>(null);
  const [line, setLine] = useState(1);
  const checked = useAsked<Checked>(`${name}\n${draft.yaml}`, PAUSE_MS, false, (signal) =>
    api.post<Checked>("v1/personas/check", { name, yaml: draft.yaml }, { signal }),
  );
  const problems = checked.value?.problems ?? [];
  const warnings = checked.value?.warnings ?? [];
  const unsaved = isUnsaved(draft) || draft.etag === null;

  const write = async (wanted: Draft) => {
    if (busy || !mayWrite) return;
    setBusy(true);
    try {
      const outcome = await save(name, wanted);
      if (outcome.kind === "conflict") setTheirs(outcome.theirs);
      else if (outcome.kind === "problems") toast(t.notSaved, "danger");
      else {
        const { engine_problem: words } = outcome.detail;
        if (words) toast(t.savedButProblem(name, words), "danger");
        else toast(t.saved(name));
        reload();
      }
    } catch (error) {
      toastError(error);
    } finally {
      setBusy(false);
    }
  };
  const settle = (next: Draft, then?: (draft: Draft) => void) => {
    keep(name, next);
    setTheirs(null);
    then?.(next);
  };
  const actions = (
    <>
      {mayTalk && detail?.on_duty && (
        <LinkButton icon="phone" href={href(["phone"], { persona: name })}>
          {t.talk}
        </LinkButton>
      )}
      {mayWrite && (
        <>
          <Deletion name={name} draft={draft} />
          <Discarding name={name} draft={draft} />
          <Button kind="primary" busy={busy} disabled={!unsaved} onClick={() => write(draft)}>
            {t.save}
          </Button>
        </>
      )}
    </>
  );
  const here = problems.find((problem) => problem.line === line);
  return (
    <Page title={name} back={{ href: href(["personas"]), text: t.back }} actions={actions}>
      <div class="persona-view">
        <div class="stack">
          {detail && <Duty persona={detail} />}
          {!mayWrite && <Notice>{t.readOnly}</Notice>}
          <div class="card flush">
            <CodeField
              name={name}
              value={draft.yaml}
              onValue={(yaml) => keep(name, { ...draft, yaml })}
              onSave={() => write(draft)}
              onLine={setLine}
              problems={problems}
              warnings={warnings}
              readOnly={!mayWrite}
              jump={jump}
              describedBy={status}
            />
            <div class="code-foot small" id={status} aria-live="polite">
              <span class={problems.length ? "persona-bad" : ""}>
                {here ? `${t.line(here.line)}: ${here.what}` : counted(t, checked.value, checked.busy)}
              </span>
              <span class="muted">{t.fileHint}</span>
            </div>
          </div>
          {isUnsaved(draft) && <p class="small muted">{t.kept}</p>}
          <Report checked={checked} onJump={({ line: to, column }) => setJump({ line: to, column })} />
        </div>
        <div class="stack">
          <GateTry yaml={draft.yaml} usable={checked.value === null || checked.value.ok} />
          <Prompt checked={checked.value} />
        </div>
      </div>
      {theirs && (
        <Conflict
          mine={draft.yaml}
          theirs={theirs}
          onTheirs={() => settle({ yaml: theirs.yaml ?? "", saved: theirs.yaml ?? "", etag: theirs.etag }, reload)}
          onMine={() => settle({ ...draft, saved: theirs.yaml ?? "", etag: theirs.etag }, write)}
          onClose={() => setTheirs(null)}
          onBoth={() => settle({ ...draft, saved: theirs.yaml ?? "", etag: theirs.etag })}
        />
      )}
    </Page>
  );
}

function counted(t: ReturnType<typeof useTexts>["personas"], checked: Checked | null, busy: boolean): string {
  if (!checked) return busy ? t.checking : t.checkFailed;
  return checked.problems.length ? t.problems(checked.problems.length) : t.fine;
}

/** Back to the last version that was saved; a new persona is given up. */
function Discarding({ name, draft }: { name: string; draft: Draft }) {
  const t = useTexts().personas;
  const fresh = draft.etag === null;
  if (!fresh && !isUnsaved(draft)) return null;
  const discard = async () => {
    if (fresh) {
      go(href(["personas"]));
      drop(name);
    } else keep(name, { ...draft, yaml: draft.saved });
  };
  const ask = () => confirm({ title: t.discard, text: t.discardAsk, act: t.discard, danger: true, run: discard });
  return <Button onClick={ask}>{t.discard}</Button>;
}

function Deletion({ name, draft }: { name: string; draft: Draft }) {
  const t = useTexts().personas;
  const { etag } = draft;
  if (etag === null) return null;
  const run = async () => {
    try {
      await remove(name, etag);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error; // it is gone already
    }
    go(href(["personas"]));
    drop(name);
    toast(t.removed(name));
  };
  const ask = () => confirm({ title: t.removeTitle(name), text: t.removeAsk, act: t.remove, danger: true, run });
  return <Button kind="danger" icon="trash" label={t.remove} onClick={ask} />;
}
