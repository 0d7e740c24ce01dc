import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { wordsFor } from "../api/errors";
import { useTexts } from "../i18n";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Notice } from "./Notice";

interface Given {
  title: string;
  /** The word on the button that does it. */
  act: string;
  danger?: boolean;
  /** What is wrong with what was typed; asked when the button is pressed. */
  check?: () => string;
  /** Does it. The dialog closes when it is done, and stays, with the reason, when it fails. */
  run: () => Promise<unknown>;
  onClose: () => void;
  children: ComponentChildren;
}

/** A dialog with fields and one thing to do. */
export function FormDialog({ title, act, danger, check, run, onClose, children }: Given) {
  const t = useTexts().shell;
  const form = useId();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = check?.() ?? "";
    setError(wrong);
    if (wrong) return;
    setBusy(true);
    try {
      await run();
      onClose();
    } catch (thrown) {
      setError(wordsFor(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button kind={danger ? "danger-fill" : "primary"} type="submit" form={form} busy={busy}>
            {act}
          </Button>
        </>
      }
    >
      <form id={form} class="stack" onSubmit={submit} noValidate>
        {children}
        {error && <Notice kind="danger">{error}</Notice>}
      </form>
    </Dialog>
  );
}
