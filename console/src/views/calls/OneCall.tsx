import { useMemo, useRef } from "preact/hooks";
import { address, api, request } from "../../api/client";
import { useScope } from "../../api/session";
import { conversation } from "../../call/conversation";
import { parseRecords, saysMore } from "../../call/records";
import { useTexts } from "../../i18n";
import { clock, moment } from "../../lib/format";
import { useEvery, useLoaded } from "../../lib/load";
import { go, href } from "../../lib/router";
import { Button, LinkButton } from "../../ui/Button";
import { confirm } from "../../ui/Dialog";
import { Menu } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { Failed, Page, Waiting } from "../../ui/Page";
import { toast } from "../../ui/Toasts";
import { HowPill } from "./CallList";
import { Player } from "./Player";
import type { CallFacts } from "./shapes";
import { Transcript } from "./Transcript";
import { usePlayback } from "./usePlayback";

const path = (callId: string, rest = "") => `v1/calls/${encodeURIComponent(callId)}${rest}`;

const REFRESH_MS = 5000;

/** One call: what is known of it, its words, its sound. */
export function OneCall({ callId }: { callId: string }) {
  const t = useTexts();
  const facts = useLoaded(callId, (signal) => api.get<CallFacts>(path(callId), { signal }));
  const words = useLoaded(callId, async (signal) => {
    const accept = { Accept: "application/x-ndjson, */*" };
    const response = await request("GET", path(callId, "/transcript.jsonl"), undefined, { signal, headers: accept });
    return parseRecords(await response.text());
  });
  const call = facts.value;
  useEvery(REFRESH_MS, () => {
    if (call?.ended !== null) return; // it is over, and stays as it is
    facts.reload();
    words.reload();
  });
  const party = call && (call.direction === "outbound" ? call.to : call.from);
  return (
    <Page
      title={call ? `${call.persona ?? "?"} · ${party || t.live.unknownNumber}` : t.calls.one}
      lead={call?.started_at && <When call={call} />}
      back={{ href: href(["calls"]), text: t.calls.title }}
      actions={call && <Actions call={call} />}
    >
      <div class="stack">
        {facts.error && <Failed message={facts.error} retry={facts.reload} />}
        {!call && facts.loading && <Waiting />}
        {call && call.ended === null && (
          <Notice>
            {t.calls.stillOn} <a href={href(["live", callId])}>{t.calls.follow}</a>
          </Notice>
        )}
        {call?.summary && (
          <section class="card stack-small">
            <h2>{t.calls.summary}</h2>
            <p class="calls-summary">{call.summary}</p>
          </section>
        )}
        {words.error && call && <Failed message={words.error} retry={words.reload} />}
        {call && words.value && <Sounds call={call} records={words.value} />}
        {call && <Facts call={call} />}
      </div>
    </Page>
  );
}

function When({ call }: { call: CallFacts }) {
  return (
    <span class="row">
      <span>{moment(call.started_at ?? "")}</span>
      <span class="num">{clock(call.seconds)}</span>
      <HowPill how={call.ended} />
    </span>
  );
}

/** The sound above the words; each shows where the other is. */
function Sounds({ call, records }: { call: CallFacts; records: ReturnType<typeof parseRecords> }) {
  const t = useTexts().calls;
  const lines = useMemo(() => conversation(records), [records]);
  const audio = useRef<HTMLAudioElement>(null);
  const playback = usePlayback(audio);
  const mayHear = useScope("calls:listen");
  const sounds = Boolean(call.recording) && mayHear;
  return (
    <>
      {sounds ? (
        <section class="card" aria-label={t.recording}>
          {/* biome-ignore lint/a11y/useMediaCaption: the words stand below, each line where it is spoken */}
          <audio ref={audio} src={address(path(call.call_id, "/recording.wav"))} preload="metadata" />
          <Player callId={call.call_id} lines={lines} playback={playback} seconds={call.seconds} />
        </section>
      ) : (
        <p class="muted small">{call.recording ? t.mayNotHear : t.noRecording}</p>
      )}
      <section class="card calls-words" aria-label={t.conversation}>
        {lines.length ? (
          <Transcript lines={lines} playback={sounds ? playback : null} />
        ) : (
          <p class="muted">{t.noWords}</p>
        )}
      </section>
    </>
  );
}

function Actions({ call }: { call: CallFacts }) {
  const t = useTexts().calls;
  const mayDelete = useScope("calls:control");
  const mayHear = useScope("calls:listen");
  const forget = () =>
    confirm({
      title: t.forgetTitle,
      text: t.forgetText,
      act: t.forget,
      danger: true,
      run: async () => {
        await api.delete(path(call.call_id));
        toast(t.forgotten);
        go(href(["calls"]));
      },
    });
  const files = [
    ...(call.recording && mayHear ? (["recording.wav"] as const) : []),
    "transcript.txt",
    "transcript.json",
    "transcript.jsonl",
  ];
  return (
    <>
      <Menu label={t.download}>
        {files.map((file) => (
          <li key={file}>
            <LinkButton
              kind="ghost"
              icon="download"
              href={address(path(call.call_id, `/${file}`))}
              download={`${call.call_id}${file.slice(file.lastIndexOf("."))}`}
            >
              {t.files[file]}
            </LinkButton>
          </li>
        ))}
      </Menu>
      {mayDelete && call.ended !== null && (
        <Button kind="danger" icon="trash" onClick={forget}>
          {t.forget}
        </Button>
      )}
    </>
  );
}

function Facts({ call }: { call: CallFacts }) {
  const t = useTexts();
  const rows: (readonly [string, string | null])[] = [
    [t.calls.from, call.from],
    [t.calls.to, call.to],
    [t.calls.direction, call.direction && (call.direction === "outbound" ? t.live.outbound : t.live.inbound)],
    [t.calls.persona, call.persona],
    [t.calls.carrier, call.carrier && (t.live.carriers[call.carrier] ?? call.carrier)],
    [t.calls.carrierId, call.carrier_id],
    [t.calls.engine, call.engine],
    [t.calls.began, call.started_at && moment(call.started_at)],
    [t.calls.over, call.ended_at && moment(call.ended_at)],
    [
      t.calls.reason,
      call.ended && call.reason && saysMore({ how: call.ended, reason: call.reason }) ? call.reason : null,
    ],
    [t.calls.id, call.call_id],
  ];
  return (
    <section class="card">
      <h2 class="calls-facts">{t.calls.facts}</h2>
      <dl class="pairs">
        {rows
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name} class="pair">
              <dt>{name}</dt>
              <dd class="num">{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
