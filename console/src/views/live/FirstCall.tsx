import { api } from "../../api/client";
import { useHolder, useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { useLoaded } from "../../lib/load";
import { href } from "../../lib/router";
import { LinkButton } from "../../ui/Button";
import { CopyLine } from "../../ui/Copy";
import { Empty } from "../../ui/Page";

/** What the list of personas says of each, as far as it is shown here. */
export interface PersonaRow {
  name: string;
  business: string;
  numbers: string[];
  on_duty: boolean;
}

/** Nobody is on the line: how to get the first call, and who would answer. */
export function FirstCall() {
  const t = useTexts().live;
  const holder = useHolder();
  const mayTalk = useScope("talk");
  const onDuty = useOnDuty(useScope("personas:read"));
  const persona = onDuty?.[0]?.name ?? "NAME";
  const url = holder.public_url.startsWith("https://") ? holder.public_url : "";
  return (
    <>
      <div class="card">
        <Empty icon="live" title={t.idleTitle}>
          <p>{t.idle}</p>
        </Empty>
      </div>
      <section aria-label={t.firstTitle} class="live-first">
        {mayTalk && (
          <div class="card stack-small">
            <h2>{t.firstBrowser}</h2>
            <p class="muted grow">{t.firstBrowserText}</p>
            <div>
              <LinkButton kind="primary" icon="phone" href={href(["phone"])}>
                {t.firstBrowserAct}
              </LinkButton>
            </div>
          </div>
        )}
        <div class="card stack-small">
          <h2>{t.firstCommand}</h2>
          <p class="muted grow">{t.firstCommandText}</p>
          <CopyLine text={`callbridge call --wav u05 --persona ${persona}`} />
        </div>
        <div class="card stack-small">
          <h2>{t.firstNumber}</h2>
          <p class="muted grow">{url ? t.firstNumberText : t.firstNumberLocal}</p>
          <CopyLine text={`${url || "https://YOUR-HOST"}/twilio/voice`} />
          <CopyLine text={`callbridge twilio connect +15551234567 --persona ${persona}`} />
        </div>
      </section>
      {onDuty && <WhoAnswers onDuty={onDuty} />}
    </>
  );
}

/** The personas that answer calls; null while they are not known, or may not be. */
function useOnDuty(may: boolean): PersonaRow[] | null {
  const { value } = useLoaded(`personas ${may}`, async (signal) =>
    may ? await api.get<PersonaRow[]>("v1/personas", { signal }) : null,
  );
  return value?.filter((one) => one.on_duty) ?? null;
}

function WhoAnswers({ onDuty }: { onDuty: readonly PersonaRow[] }) {
  const t = useTexts().live;
  return (
    <section class="card flush">
      <h2 class="live-answers">{t.whoAnswers}</h2>
      {onDuty.length === 0 && <p class="live-answers muted">{t.nobodyAnswers}</p>}
      <ul>
        {onDuty.map((one) => (
          <li key={one.name} class="live-answer">
            <a href={href(["personas", one.name])}>{one.business}</a>
            <span class="muted num">{one.numbers.join(", ") || t.noNumbers}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
