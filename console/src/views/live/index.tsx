import "./live.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { useScope } from "../../api/session";
import { useTexts } from "../../i18n";
import { useStore } from "../../lib/store";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { Page, Waiting } from "../../ui/Page";
import { Pill } from "../../ui/Pill";
import { announce } from "../../ui/Toasts";
import type { ViewProps } from "..";
import { CallList } from "./CallList";
import { CallPanel } from "./CallPanel";
import { FirstCall } from "./FirstCall";
import { house, lastVerdict, watchHouse } from "./house";
import { PlaceCall } from "./PlaceCall";

/** Calls that go on: `#/live`, and one of them in full: `#/live/ID`. */
export default function Live({ rest }: ViewProps) {
  const texts = useTexts();
  const t = texts.live;
  const { link, message, state } = useStore(house);
  const mayCall = useScope("calls:control");
  const [calling, setCalling] = useState(false);
  useEffect(() => {
    const abort = new AbortController();
    watchHouse(abort.signal);
    return () => abort.abort();
  }, []);
  const chosen = rest[0] ?? "";
  const shown = useFollowed(chosen);
  const verdict = useStore(lastVerdict);
  useEffect(() => {
    // Those of the call that is followed are read out with its words.
    if (verdict && verdict.call_id !== shown)
      announce(t.verdictSaid(verdict.verdict.topic, texts.calls.actions[verdict.verdict.action]));
  }, [verdict]);

  return (
    <Page
      title={t.title}
      lead={state && <HouseLine />}
      actions={
        mayCall && (
          <Button icon="phone" onClick={() => setCalling(true)}>
            {t.call}
          </Button>
        )
      }
    >
      <div class="stack">
        {link === "waiting" && <Notice kind="warn">{message || t.reconnecting}</Notice>}
        {link === "denied" && <Notice kind="danger">{message || t.denied}</Notice>}
        {!state && (link === "connecting" || link === "open") && <Waiting />}
        {state && !state.calls.length && !state.waiting.length && !shown && <FirstCall />}
        {state && (state.calls.length > 0 || state.waiting.length > 0 || shown) && (
          <div class={chosen ? "live-split chosen" : "live-split"}>
            <CallList state={state} shown={shown} />
            <section class="live-panel" aria-label={t.followed}>
              {shown ? <CallPanel key={shown} callId={shown} /> : <p class="card muted">{t.choose}</p>}
            </section>
          </div>
        )}
      </div>
      {calling && <PlaceCall onClose={() => setCalling(false)} />}
    </Page>
  );
}

/** The call to follow: the one that was chosen, else the first one, also when it is over, until there is another. */
function useFollowed(chosen: string): string {
  const calls = useStore(house, (now) => now.state?.calls);
  const followed = useRef("");
  const oneAtATime = window.matchMedia("(max-width: 940px)").matches; // as in live.css: there the list is all there is
  if (chosen) followed.current = chosen;
  else if (oneAtATime) followed.current = "";
  else if (calls?.length && !calls.some((call) => call.call_id === followed.current))
    followed.current = calls[0]?.call_id ?? "";
  return followed.current;
}

/** How full the house is, and what answers. */
function HouseLine() {
  const t = useTexts().live;
  const { state } = useStore(house);
  if (!state) return null;
  const { capacity, free, engine, engine_state } = state;
  return (
    <span class="row">
      <span>{t.lines(Math.max(0, capacity - free), capacity)}</span>
      <Pill tone={engine_state === "ready" ? "good" : "warn"} dot>
        {t.engine(engine)}: {t.engineStates[engine_state] ?? engine_state}
      </Pill>
    </span>
  );
}
