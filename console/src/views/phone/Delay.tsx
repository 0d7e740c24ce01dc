import type { ComponentChildren } from "preact";
import { useTexts } from "../../i18n";
import { number } from "../../lib/format";
import { useCall } from "./handset";

/** How long everything takes, each figure with what it means. */
export function Delay() {
  const t = useTexts().phone.figures;
  const figures = useCall((call) => call.figures);
  const { buffer } = figures;
  const ms = (value: number | null | undefined) =>
    value === null || value === undefined ? t.none : t.ms(number(value, value < 10 ? 1 : 0));
  const { thereMs, backMs } = figures;
  return (
    <section class="card stack" aria-label={t.title}>
      <h2>{t.title}</h2>
      <div class="phone-figures">
        <Figure name={t.answer} value={ms(figures.answerMs)} hint={t.answerHint}>
          {figures.answers > 1 && t.middle(ms(figures.middleAnswerMs), figures.answers)}
        </Figure>
        <Figure name={t.trip} value={ms(figures.roundTripMs)} hint={t.tripHint} />
        <Figure name={t.buffer} value={ms(buffer?.delayMs)} hint={t.bufferHint}>
          {buffer && t.bufferMore(ms(buffer.jitterMs), buffer.underruns)}
        </Figure>
        <Figure
          name={t.mouth}
          value={thereMs === null || backMs === null ? t.none : ms(thereMs + backMs)}
          hint={t.mouthHint}
        >
          {thereMs !== null && t.ways(ms(thereMs), ms(backMs))}
        </Figure>
      </div>
      {buffer && (
        <details class="phone-more">
          <summary>{t.more}</summary>
          <dl class="pairs small num">
            <dt>{t.rate}</dt>
            <dd>{number(figures.rate)} Hz</dd>
            <dt>{t.held}</dt>
            <dd>{ms(buffer.heldMs)}</dd>
            <dt>{t.target}</dt>
            <dd>{ms(buffer.targetMs)}</dd>
            <dt>{t.empty}</dt>
            <dd>{ms(buffer.emptyMs)}</dd>
            <dt>{t.skipped}</dt>
            <dd>{ms(buffer.skippedMs)}</dd>
            <dt>{t.dropped}</dt>
            <dd>{ms(buffer.droppedMs)}</dd>
            <dt>{t.unsent}</dt>
            <dd>{number(figures.dropped)}</dd>
          </dl>
        </details>
      )}
    </section>
  );
}

function Figure(given: { name: string; value: string; hint: string; children?: ComponentChildren }) {
  return (
    <div class="phone-figure">
      <h3 class="small muted">{given.name}</h3>
      <p class="phone-value num">{given.value}</p>
      {given.children && <p class="small num">{given.children}</p>}
      <p class="small muted">{given.hint}</p>
    </div>
  );
}
