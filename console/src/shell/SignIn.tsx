import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { wordsFor } from "../api/errors";
import { beginSession, signIn } from "../api/session";
import { useTexts } from "../i18n";
import { Button } from "../ui/Button";
import { CopyLine } from "../ui/Copy";
import { Checkbox, TextField } from "../ui/Field";
import { Logo } from "../ui/Icon";
import { Notice } from "../ui/Notice";

/** The door: a key opens it. */
export function SignIn({ notice }: { notice: string }) {
  const t = useTexts().shell.signIn;
  const form = useRef<HTMLFormElement>(null);
  const [key, setKey] = useState("");
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  useEffect(() => {
    document.title = `${t.title} · callbridge`;
  }, [t]);
  const submit = async (event: Event) => {
    event.preventDefault();
    setWrong("");
    if (!key.trim()) return refuse(t.empty);
    setBusy(true);
    try {
      await signIn(key.trim());
    } catch (error) {
      refuse(wordsFor(error));
      setBusy(false);
    }
  };
  const refuse = (words: string) => {
    setWrong(words);
    form.current?.querySelector("input")?.focus();
  };
  return (
    <Door title={t.title} lead={t.lead}>
      <form class="stack" ref={form} onSubmit={submit} noValidate>
        {notice && !wrong && <Notice kind="warn">{notice}</Notice>}
        <TextField
          label={t.key}
          name="key"
          type={shown ? "text" : "password"}
          autocomplete="current-password"
          autocapitalize="none"
          spellcheck={false}
          value={key}
          onValue={setKey}
          {...(wrong ? { wrong } : {})}
        />
        <div class="hidden-visually" role="alert">
          {wrong}
        </div>
        <div class="row spread">
          <Checkbox checked={shown} onChecked={setShown}>
            {t.show}
          </Checkbox>
          <Button type="submit" kind="primary" busy={busy}>
            {busy ? t.busy : t.submit}
          </Button>
        </div>
        <details class="door-help">
          <summary>{t.where}</summary>
          <div class="stack-small">
            <p>{t.whereLocal}</p>
            <CopyLine text="callbridge console" />
            <p>{t.whereFile}</p>
            <CopyLine text="cat data/api.key" />
            <p>{t.whereOwn}</p>
            <CopyLine text="callbridge keys create anna --scope calls:read --scope talk" />
          </div>
        </details>
      </form>
    </Door>
  );
}

/** The bridge does not answer. */
export function Unreachable({ message }: { message: string }) {
  const t = useTexts().shell;
  return (
    <Door title="callbridge" lead="">
      <div class="stack">
        <Notice kind="danger">{message}</Notice>
        <div>
          <Button icon="refresh" onClick={() => void beginSession()}>
            {t.tryAgain}
          </Button>
        </div>
      </div>
    </Door>
  );
}

function Door({ title, lead, children }: { title: string; lead: string; children: ComponentChildren }) {
  return (
    <main class="door">
      <div class="card door-card">
        <div class="brand">
          <Logo size={32} />
          callbridge
        </div>
        <div class="stack">
          <div>
            <h1>{title}</h1>
            {lead && <p class="muted">{lead}</p>}
          </div>
          {children}
        </div>
      </div>
    </main>
  );
}
