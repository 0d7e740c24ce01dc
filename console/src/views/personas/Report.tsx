import { useTexts } from "../../i18n";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import type { Jump } from "./CodeField";
import type { Asked } from "./check";
import type { Checked, Problem } from "./shapes";

interface Given {
  checked: Asked<Checked>;
  onJump: (jump: Jump) => void;
}

/** What is wrong with the text, and what could be better; each leads to its line. */
export function Report({ checked, onJump }: Given) {
  const t = useTexts().personas;
  const { value } = checked;
  return (
    <section class="card stack" aria-label={t.report}>
      <h2>{t.report}</h2>
      {checked.error && (
        <Notice kind="danger">
          {t.checkFailed}: {checked.error}
        </Notice>
      )}
      {value?.problems.length === 0 && <p class="muted">{t.reportNone}</p>}
      {value && value.problems.length > 0 && <Problems kind="danger" problems={value.problems} onJump={onJump} />}
      {value && value.warnings.length > 0 && (
        <>
          <h3>{t.hints}</h3>
          <Problems kind="warn" problems={value.warnings} onJump={onJump} />
        </>
      )}
    </section>
  );
}

function Problems(given: { kind: "warn" | "danger"; problems: readonly Problem[]; onJump: Given["onJump"] }) {
  const t = useTexts().personas;
  return (
    <ul class="persona-problems">
      {given.problems.map((problem) => (
        <li key={`${problem.line}:${problem.column}:${problem.what}`}>
          <button type="button" class={`persona-problem ${given.kind}`} onClick={() => given.onJump(problem)}>
            <Icon name={given.kind === "warn" ? "info" : "warn"} size={17} />
            <span>
              <strong>{t.line(problem.line)}</strong> {problem.where && <code>{problem.where}</code>} {problem.what}
              {problem.hint && <span class="muted"> ({problem.hint})</span>}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
