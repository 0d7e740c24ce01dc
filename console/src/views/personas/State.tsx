import { useTexts } from "../../i18n";
import { Notice } from "../../ui/Notice";
import { Pill } from "../../ui/Pill";
import type { PersonaSummary } from "./shapes";

/** Whether a persona answers calls, and what keeps it from that. */
export function Pills({ persona, unsaved }: { persona: PersonaSummary; unsaved: boolean }) {
  const t = useTexts().personas;
  const count = persona.problems.length;
  return (
    <span class="row">
      {persona.on_duty ? (
        <Pill tone={persona.current ? "good" : "warn"} dot>
          {persona.current ? t.duty : t.older}
        </Pill>
      ) : (
        <Pill dot>{t.offDuty}</Pill>
      )}
      {(count > 0 || persona.engine_problem) && <Pill tone="danger">{t.problems(Math.max(1, count))}</Pill>}
      {persona.warnings.length > 0 && <Pill>{t.warnings(persona.warnings.length)}</Pill>}
      {unsaved && <Pill tone="accent">{t.unsaved}</Pill>}
    </span>
  );
}

/** The same above the file, with the engine's words. */
export function Duty({ persona }: { persona: PersonaSummary }) {
  const t = useTexts().personas;
  return (
    <>
      <Pills persona={persona} unsaved={false} />
      {persona.engine_problem && <Notice kind="warn">{t.engineProblem(persona.engine_problem)}</Notice>}
    </>
  );
}
