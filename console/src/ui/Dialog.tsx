import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { wordsFor } from "../api/errors";
import { useTexts } from "../i18n";
import { store, useStore } from "../lib/store";
import { Button } from "./Button";
import { Notice } from "./Notice";

export interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons at the foot, the main one last. */
  foot?: ComponentChildren;
  wide?: boolean;
}

/** A native modal dialog: open while it is drawn. Escape, the cross and the backdrop ask `onClose` to take it away. */
export function Dialog({ title, onClose, children, foot, wide }: DialogProps) {
  const t = useTexts().shell;
  const element = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    // What is to be filled in, or the harmless one of the buttons, rather than the cross.
    dialog?.querySelector<HTMLElement>(".dialog-body :is(input, select, textarea), .dialog-foot button")?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard has Escape, which comes as `cancel`
    <dialog
      ref={element}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={name}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === element.current && onClose()}
    >
      <div class="dialog-head">
        <h2 id={name}>{title}</h2>
        <Button kind="ghost" icon="close" label={t.close} onClick={onClose} />
      </div>
      <div class="dialog-body">{children}</div>
      {foot && <div class="dialog-foot">{foot}</div>}
    </dialog>
  );
}

export interface Question {
  title: string;
  text: string;
  /** The word on the button that does it. */
  act: string;
  danger?: boolean;
  /** What is done on yes; while it is under way the dialog stays, and so it does when it fails. */
  run: () => Promise<unknown>;
}

const asked = store<Question | null>(null);

/** Ask before something that cannot be taken back. */
export function confirm(question: Question): void {
  asked.set(question);
}

/** Where questions appear; the shell draws it once. */
export function Questions() {
  const question = useStore(asked);
  return question && <Asked key={question.title} question={question} />;
}

function Asked({ question }: { question: Question }) {
  const t = useTexts().shell;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const close = () => asked.set(null);
  const act = async () => {
    setBusy(true);
    setError("");
    try {
      await question.run();
      close();
    } catch (thrown) {
      setError(wordsFor(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={question.title}
      onClose={close}
      foot={
        <>
          <Button onClick={close}>{t.cancel}</Button>
          <Button kind={question.danger ? "danger-fill" : "primary"} busy={busy} onClick={act}>
            {question.act}
          </Button>
        </>
      }
    >
      <div class="stack">
        <p>{question.text}</p>
        {error && <Notice kind="danger">{error}</Notice>}
      </div>
    </Dialog>
  );
}
