import { useEffect, useRef, useState } from "preact/hooks";
import { useTexts } from "../../i18n";
import { clock } from "../../lib/format";
import { DIGITS } from "../../phone/protocol";
import { Button } from "../../ui/Button";
import { handset, useCall } from "./handset";

/** What can be done while a call goes on. It takes the focus, so that the keyboard's digits are the telephone's. */
export function Talking() {
  const t = useTexts().phone;
  const panel = useRef<HTMLElement>(null);
  const phase = useCall((call) => call.phase);
  const business = useCall((call) => call.business);
  const muted = useCall((call) => call.muted);
  const [roomy] = useState(() => matchMedia("(min-width: 861px)").matches); // on a phone's screen words come first
  useEffect(() => panel.current?.focus(), []);
  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if ((DIGITS as readonly string[]).includes(event.key)) handset.press(event.key);
  };
  const words =
    phase === "talking" ? t.phases.talking(business) : phase === "dialling" ? t.phases.dialling : t.phases.microphone;
  return (
    <section class="stack phone-talking" ref={panel} tabIndex={-1} aria-label={words} onKeyDown={pressed}>
      <div class="row spread">
        <h2 aria-live="polite">{words}</h2>
        {phase === "talking" && <Duration />}
      </div>
      <Meter side="caller" />
      <Meter side="agent" />
      {muted && <p class="small phone-muted">{t.muted}</p>}
      <div class="row phone-buttons">
        <Button icon="mute" pressed={muted} disabled={phase !== "talking"} onClick={() => handset.mute(!muted)}>
          {t.mute}
        </Button>
        <Button kind="danger-fill" icon="hangup" onClick={() => handset.hangUp()}>
          {t.hangUp}
        </Button>
      </div>
      <details class="phone-more" open={roomy}>
        <summary>{t.keypad}</summary>
        <fieldset class="phone-keys" disabled={phase !== "talking"}>
          <legend class="hidden-visually">{t.keypad}</legend>
          {DIGITS.map((digit) => (
            <button
              key={digit}
              type="button"
              class="phone-key"
              aria-label={t.key(digit)}
              onClick={() => handset.press(digit)}
            >
              {digit}
            </button>
          ))}
          <p class="small muted">{t.keypadHint}</p>
        </fieldset>
      </details>
    </section>
  );
}

function Duration() {
  const t = useTexts().phone;
  const since = useCall((call) => call.since);
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return (
    <span class="num" role="timer" aria-label={t.duration} aria-live="off">
      {clock((now - since) / 1000)}
    </span>
  );
}

/** What a meter shows: from a whisper to full scale. */
const QUIETEST = -60;

function Meter({ side }: { side: "caller" | "agent" }) {
  const t = useTexts().phone;
  const dbfs = useCall((call) => Math.round(side === "caller" ? call.callerDbfs : call.agentDbfs));
  const who = side === "caller" ? t.you : t.agent;
  const shown = Math.max(QUIETEST, Math.min(0, dbfs));
  return (
    <div class="phone-meter">
      <span class="small">{who}</span>
      {/* biome-ignore lint/a11y/useSemanticElements: the element of HTML has colours of its own that nothing changes */}
      <div
        class={`meter ${side}`}
        role="meter"
        aria-label={t.level(who)}
        aria-valuemin={QUIETEST}
        aria-valuemax={0}
        aria-valuenow={shown}
        aria-valuetext={`${shown} dB`}
      >
        <span style={{ transform: `scaleX(${1 - shown / QUIETEST})` }} />
      </div>
    </div>
  );
}
