import { useTexts } from "../../i18n";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { compared } from "./lines";

/** The version that somebody else saved meanwhile; `yaml` is null where they deleted it. */
export interface Theirs {
  yaml: string | null;
  etag: string | null;
}

interface Given {
  mine: string;
  theirs: Theirs;
  onTheirs: () => void;
  onMine: () => void;
  onBoth: () => void;
  onClose: () => void;
}

/** Two versions of one file, and the ways out. Closed without a choice, the next save asks again. */
export function Conflict({ mine, theirs, onTheirs, onMine, onBoth, onClose }: Given) {
  const t = useTexts().personas.conflict;
  const lines = theirs.yaml === null ? [] : compared(theirs.yaml, mine);
  const differ = lines.some((line) => line.kind === "theirs" || line.kind === "mine");
  return (
    <Dialog
      wide
      title={t.title}
      onClose={onClose}
      foot={
        <>
          {theirs.yaml !== null && <Button onClick={onTheirs}>{t.theirs}</Button>}
          <Button onClick={onBoth}>{t.both}</Button>
          <Button kind="primary" onClick={onMine}>
            {t.mine}
          </Button>
        </>
      }
    >
      <div class="stack">
        <p>{theirs.yaml === null ? t.gone : t.text}</p>
        {theirs.yaml !== null && (
          <>
            <p class="small muted">{differ ? t.difference : t.same}</p>
            {differ && (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
              <pre class="persona-diff" tabIndex={0}>
                {lines.map((line) =>
                  line.kind === "skipped" ? (
                    <span class="skipped">{`⋯ ${line.count}\n`}</span>
                  ) : (
                    <span class={line.kind}>{`${SIGN[line.kind]} ${line.text}\n`}</span>
                  ),
                )}
              </pre>
            )}
          </>
        )}
        <p class="small muted">{t.bothHint}</p>
      </div>
    </Dialog>
  );
}

const SIGN = { same: " ", theirs: "−", mine: "+" };
