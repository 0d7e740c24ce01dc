import { useState } from "preact/hooks";
import { useTexts } from "../../i18n";
import { number } from "../../lib/format";
import { Segments } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import type { Checked, Cost } from "./shapes";

/** The exact prompt of the text, and what it takes of what the model can look back on. */
export function Prompt({ checked }: { checked: Checked | null }) {
  const t = useTexts().personas.prompt;
  const [engine, setEngine] = useState<"model" | "llm">("model");
  const prompt = engine === "model" ? checked?.prompt : checked?.llm_prompt;
  return (
    <section class="card stack" aria-label={t.title}>
      <div class="card-head persona-head">
        <h2>{t.title}</h2>
        <Segments
          label={t.which}
          value={engine}
          onValue={setEngine}
          options={[
            ["model", t.engines.model],
            ["llm", t.engines.llm],
          ]}
        />
      </div>
      {engine === "model" && checked?.cost && <Costs cost={checked.cost} />}
      {prompt ? (
        <>
          <p class="small muted">{t.lead}</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
          <pre class="persona-prompt" tabIndex={0}>
            {prompt}
          </pre>
        </>
      ) : (
        <p class="muted">{t.none}</p>
      )}
    </section>
  );
}

function Costs({ cost }: { cost: Cost }) {
  const t = useTexts().personas.prompt;
  const about = cost.exact ? "" : "≈ ";
  const percent = cost.share * 100;
  const much = cost.tokens > cost.advised_frames;
  const figures: [string, string][] = [
    [t.tokens, about + number(cost.tokens)],
    [t.frames, about + number(cost.frames)],
    [t.seconds, about + t.s(number(cost.seconds, 1))],
    [t.share, `${about}${number(percent, 1)} %`],
  ];
  return (
    <div class="stack-small">
      <dl class="persona-costs">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt class="small muted">{name}</dt>
            <dd class="num">{value}</dd>
          </div>
        ))}
      </dl>
      <div class={`meter ${much ? "persona-much" : "persona-fits"}`} aria-hidden="true">
        <span style={{ transform: `scaleX(${Math.min(1, cost.share)})` }} />
      </div>
      <p class="small muted">
        {t.frameHint(number(cost.window_frames))} {!cost.exact && `(${t.estimated})`}
      </p>
      {cost.share > 1 ? (
        <Notice kind="danger">{t.tooLong}</Notice>
      ) : (
        much && <Notice kind="warn">{t.advised(number(cost.advised_frames))}</Notice>
      )}
    </div>
  );
}
