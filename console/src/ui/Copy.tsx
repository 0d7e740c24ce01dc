import { useState } from "preact/hooks";
import { useTexts } from "../i18n";
import { Button } from "./Button";
import { announce, toastError } from "./Toasts";

/** A command or an address, with a button that copies it. */
export function CopyLine({ text }: { text: string }) {
  const t = useTexts().shell;
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch (error) {
      return toastError(error); // the browser's settings forbid it
    }
    announce(t.copied);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return (
    <div class="copy-line">
      <code>{text}</code>
      {/* Without https there is no clipboard: the text can still be marked by hand. */}
      {window.isSecureContext && (
        <Button kind="ghost" small icon={done ? "check" : "copy"} label={done ? t.copied : t.copy} onClick={copy} />
      )}
    </div>
  );
}
