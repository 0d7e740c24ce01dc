import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "../../api/errors";
import { useScope } from "../../api/session";
import { followEvents, type StreamState } from "../../api/sse";
import { listenIn } from "../../audio/listen";
import { Conversation } from "../../call/Conversation";
import type { TranscriptRecord } from "../../call/records";
import { useTexts } from "../../i18n";
import { clock } from "../../lib/format";
import { href } from "../../lib/router";
import { useStore } from "../../lib/store";
import { Button, LinkButton } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Pill } from "../../ui/Pill";
import { announce, toast, toastError } from "../../ui/Toasts";
import { useParty, useSeconds } from "./CallList";
import { HangUp } from "./HangUp";
import { house, type LiveCall } from "./house";
import { Meters } from "./Meters";
import { Transfer } from "./Transfer";

/** One call as it goes on: its words, and what can be done with it. When it is over, the words stay. */
export function CallPanel({ callId }: { callId: string }) {
  const t = useTexts().live;
  const call = useStore(house, (now) => now.state?.calls.find((one) => one.call_id === callId));
  const known = useRef(call);
  if (call) known.current = call;
  const { records, over, missing, error } = useRecords(callId);
  const shown = known.current;
  return (
    <div class="card live-call">
      <a class="page-back live-back" href={href(["live"])}>
        <Icon name="back" size={15} />
        {t.toCalls}
      </a>
      {shown && <Head call={shown} over={over || !call} />}
      {missing && !shown && (
        <Notice>
          {t.gone} <a href={href(["calls", callId])}>{t.openRecord}</a>
        </Notice>
      )}
      {error && <Notice kind="danger">{error}</Notice>}
      <Talk records={records} />
      {over && (
        <div class="row">
          <span class="muted">{t.ended}</span>
          <LinkButton small icon="calls" href={href(["calls", callId])}>
            {t.openRecord}
          </LinkButton>
        </div>
      )}
    </div>
  );
}

/** The call's records so far and as they come, to its end. */
function useRecords(callId: string) {
  const [state, setState] = useState({ records: [] as TranscriptRecord[], over: false, missing: false, error: "" });
  useEffect(() => {
    const abort = new AbortController();
    let over = false;
    const take = (data: string) => {
      const record = JSON.parse(data) as TranscriptRecord;
      over ||= record.type === "ended";
      setState((now) => ({ ...now, records: [...now.records, record], over }));
    };
    const changed = (link: StreamState, error?: ApiError) => {
      if (link === "open") setState((now) => ({ ...now, records: [], error: "" })); // it begins with all there are
      if (link === "waiting" && over) abort.abort(); // the call was over, and so its stream
      if (link === "denied" && error)
        setState((now) => ({
          ...now,
          missing: error.status === 404,
          error: error.status === 404 ? "" : error.message,
        }));
    };
    void followEvents(
      `v1/calls/${encodeURIComponent(callId)}/events`,
      (event) => take(event.data),
      changed,
      abort.signal,
    );
    return () => abort.abort();
  }, [callId]);
  return state;
}

/** The words, in a box that follows them while it is at its end. */
function Talk({ records }: { records: readonly TranscriptRecord[] }) {
  const t = useTexts();
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [records]);
  const scrolled = () => {
    const element = box.current;
    if (element) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
  };
  return (
    // A box that scrolls must be reached by keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class="live-talk" ref={box} onScroll={scrolled} tabIndex={0} aria-label={t.calls.conversation}>
      {records.length > 1 ? (
        <Conversation records={records} live />
      ) : (
        <p class="muted live-quiet">{t.live.nothingSaid}</p>
      )}
    </section>
  );
}

function Head({ call, over }: { call: LiveCall; over: boolean }) {
  const t = useTexts().live;
  const party = useParty(call);
  const [asked, setAsked] = useState<"transfer" | "hangup" | null>(null);
  const mayControl = useScope("calls:control");
  return (
    <div class="stack">
      <div class="row spread">
        <div class="grow">
          <h2>{call.business || call.persona}</h2>
          <p class="muted num">
            {call.direction === "outbound" ? t.outbound : t.inbound} · {party}
          </p>
        </div>
        <div class="row">
          {call.recorded && (
            <Pill tone="danger" dot>
              {t.recorded}
            </Pill>
          )}
          <Pill>{t.carriers[call.carrier] ?? call.carrier}</Pill>
          {!over && <Timer seconds={call.seconds} />}
        </div>
      </div>
      {!over && (
        <>
          <Meters callId={call.call_id} tall />
          <div class="row">
            {call.listenable && <Listen callId={call.call_id} />}
            {mayControl && (
              <>
                <Button icon="transfer" onClick={() => setAsked("transfer")}>
                  {t.transfer}
                </Button>
                <Button kind="danger" icon="hangup" onClick={() => setAsked("hangup")}>
                  {t.hangUp}
                </Button>
              </>
            )}
          </div>
        </>
      )}
      {asked === "transfer" && <Transfer callId={call.call_id} onClose={() => setAsked(null)} />}
      {asked === "hangup" && <HangUp callId={call.call_id} onClose={() => setAsked(null)} />}
    </div>
  );
}

function Timer({ seconds }: { seconds: number }) {
  return <span class="live-timer num">{clock(useSeconds(seconds))}</span>;
}

function Listen({ callId }: { callId: string }) {
  const t = useTexts().live;
  const may = useScope("calls:listen");
  const [stop, setStop] = useState<(() => void) | null>(null);
  const [busy, setBusy] = useState(false);
  const running = useRef<(() => void) | null>(null);
  useEffect(() => () => running.current?.(), []);
  if (!may) return null;
  const begin = async () => {
    setBusy(true);
    try {
      running.current = await listenIn(callId, (ending) => {
        running.current = null;
        setStop(null);
        if (ending.over) announce(t.listenOver);
        else toast(ending.message, "danger");
      });
      setStop(() => running.current);
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  const end = () => {
    running.current?.();
    running.current = null;
    setStop(null);
  };
  return (
    <>
      <Button icon="listen" busy={busy} pressed={stop !== null} onClick={() => (stop ? end() : void begin())}>
        {stop ? t.listening : t.listen}
      </Button>
      {stop && <span class="small muted live-hint">{t.listenHint}</span>}
    </>
  );
}
