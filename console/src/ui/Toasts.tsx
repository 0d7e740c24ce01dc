import { wordsFor } from "../api/errors";
import { useTexts } from "../i18n";
import { store, useStore } from "../lib/store";
import { Button } from "./Button";
import { Icon } from "./Icon";

interface Toast {
  id: number;
  text: string;
  kind: "good" | "danger";
}

const MOST = 4;
const SECONDS = { good: 5, danger: 12 };
const shown = store<readonly Toast[]>([]);
const said = store("");
let count = 0;

/** Say that something is done; errors stay longer. */
export function toast(text: string, kind: Toast["kind"] = "good"): void {
  const id = ++count;
  shown.set((now) => [...now, { id, text, kind }].slice(-MOST));
  setTimeout(() => drop(id), SECONDS[kind] * 1000);
}

/** Say what went wrong, whatever was thrown. */
export function toastError(error: unknown): void {
  toast(wordsFor(error), "danger");
}

/** Let a screen reader say something that others see anyway. */
export function announce(text: string): void {
  said.set(said.get() === text ? `${text}\u00a0` : text); // an equal text would not be read again
}

function drop(id: number): void {
  shown.set((now) => now.filter((one) => one.id !== id));
}

/** Where they appear; the shell draws it once. */
export function Toasts() {
  const t = useTexts().shell;
  const toasts = useStore(shown);
  return (
    <>
      <div class="toasts" role="status" aria-live="polite">
        {toasts.map((one) => (
          <div key={one.id} class={`toast ${one.kind}`}>
            <Icon name={one.kind === "good" ? "check" : "warn"} size={18} />
            <span class="grow">{one.text}</span>
            <Button kind="ghost" small icon="close" label={t.dismiss} onClick={() => drop(one.id)} />
          </div>
        ))}
      </div>
      <div class="hidden-visually" aria-live="polite">
        {useStore(said)}
      </div>
    </>
  );
}
