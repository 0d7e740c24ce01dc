import type { ComponentType } from "preact";
import { useEffect, useErrorBoundary, useState } from "preact/hooks";
import { wordsFor } from "../api/errors";
import { useTexts } from "../i18n";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Waiting } from "../ui/Page";
import type { View, ViewProps } from "../views";

const fetched = new Map<string, ComponentType<ViewProps>>();

/** A view, fetched when it is first needed. What goes wrong in it stays in it. */
export function Lazy({ view, ...given }: ViewProps & { view: View }) {
  const t = useTexts().shell;
  const [, redraw] = useState(0);
  const [lost, setLost] = useState(false);
  const [broken, mend] = useErrorBoundary();
  useEffect(() => {
    if (fetched.has(view.name)) return;
    view.load().then(
      (module) => {
        fetched.set(view.name, module.default);
        redraw((count) => count + 1);
      },
      () => setLost(true),
    );
  }, [view]);
  if (lost)
    return (
      <div class="stack">
        <Notice kind="danger">{t.chunkLost}</Notice>
        <div>
          <Button onClick={() => location.reload()}>{t.reload}</Button>
        </div>
      </div>
    );
  if (broken)
    return (
      <div class="stack">
        <Notice kind="danger">
          {t.broken}: {wordsFor(broken)}
        </Notice>
        <div>
          <Button onClick={mend}>{t.tryAgain}</Button>
        </div>
      </div>
    );
  const Drawn = fetched.get(view.name);
  return Drawn ? <Drawn {...given} /> : <Waiting />;
}
