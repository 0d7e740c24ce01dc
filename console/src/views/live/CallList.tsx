import { useState } from "preact/hooks";
import { useTexts } from "../../i18n";
import { clock } from "../../lib/format";
import { useEvery } from "../../lib/load";
import { href } from "../../lib/router";
import { useStore } from "../../lib/store";
import { Icon } from "../../ui/Icon";
import { Pill } from "../../ui/Pill";
import { type HouseState, house, type LiveCall, type Waiting } from "./house";
import { Meters } from "./Meters";

/** Seconds since the house told of `seconds`, counted on by this page's clock. */
export function useSeconds(seconds: number): number {
  const at = useStore(house, (now) => now.at);
  const [, redraw] = useState(0);
  useEvery(1000, () => redraw((count) => count + 1));
  return seconds + Math.max(0, (performance.now() - at) / 1000);
}

/** The other side's number: who calls us, or whom we call. */
export function useParty(call: LiveCall): string {
  const t = useTexts().live;
  return (call.direction === "outbound" ? call.to : call.from) || t.unknownNumber;
}

export function CallList({ state, shown }: { state: HouseState; shown: string }) {
  const t = useTexts().live;
  return (
    <div class="live-list stack">
      <section aria-label={t.callsGoingOn}>
        {state.calls.length === 0 && <p class="card muted">{t.idleTitle}</p>}
        <ul class="stack-small">
          {state.calls.map((call) => (
            <li key={call.call_id}>
              <CallCard call={call} current={call.call_id === shown} />
            </li>
          ))}
        </ul>
      </section>
      {state.waiting.length > 0 && (
        <section class="card" aria-label={t.onHold}>
          <h2 class="live-sub">
            <Icon name="hold" size={18} /> {t.onHold}
          </h2>
          <ol class="stack-small">
            {state.waiting.map((call) => (
              <li key={call.call_id}>
                <OnHold call={call} />
              </li>
            ))}
          </ol>
        </section>
      )}
    </div>
  );
}

function CallCard({ call, current }: { call: LiveCall; current: boolean }) {
  const texts = useTexts();
  const t = texts.live;
  const glimpse = useStore(house, (now) => now.glimpses[call.call_id]);
  const seconds = useSeconds(call.seconds);
  const party = useParty(call);
  return (
    <a class="card live-card" href={href(["live", call.call_id])} aria-current={current ? "true" : undefined}>
      <span class="live-top">
        <strong class="truncate">{call.business || call.persona}</strong>
        <span class="num muted">{clock(seconds)}</span>
      </span>
      <span class="row spread small muted">
        <span class="num">
          {call.direction === "outbound" ? t.outbound : t.inbound} · {party}
        </span>
        {glimpse && glimpse.verdicts > 0 && (
          <Pill tone="warn">
            <Icon name="shield" size={14} />
            {t.verdicts(glimpse.verdicts)}
          </Pill>
        )}
      </span>
      <Meters callId={call.call_id} />
      <span class="live-glimpse small">
        {glimpse?.text ? (
          <>
            <b class={glimpse.speaker}>{texts.calls.speakers[glimpse.speaker]}:</b> {glimpse.text}
          </>
        ) : (
          <span class="muted">{t.nothingSaid}</span>
        )}
      </span>
    </a>
  );
}

function OnHold({ call }: { call: Waiting }) {
  const t = useTexts().live;
  const seconds = useSeconds(call.seconds);
  return (
    <div class="row spread">
      <span class="row">
        <Pill tone="accent">{t.holdPlace(call.place)}</Pill>
        <span class="num">{call.from || t.unknownNumber}</span>
      </span>
      <span class="small muted num">
        {call.persona} · {clock(seconds)}
      </span>
    </div>
  );
}
