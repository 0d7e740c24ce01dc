import { useEffect, useState } from "preact/hooks";
import { api } from "../../api/client";
import { wordsFor } from "../../api/errors";
import { useTexts } from "../../i18n";
import { clock, moment } from "../../lib/format";
import { useEvery, useLoaded } from "../../lib/load";
import { go, href } from "../../lib/router";
import { Button, LinkButton } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Empty, Failed, Page, Waiting } from "../../ui/Page";
import { Pill, type Tone } from "../../ui/Pill";
import { announce, toast } from "../../ui/Toasts";
import { FilterBar } from "./FilterBar";
import { asked, type Filters, filtersOf, isNarrowed } from "./filters";
import type { CallPageOfRows, CallRow } from "./shapes";

const PAGE = 50;
const REFRESH_MS = 15_000;

/** Finished calls, newest first. */
export function CallList({ query }: { query: URLSearchParams }) {
  const t = useTexts().calls;
  const filters = filtersOf(query);
  const key = JSON.stringify(filters);
  const first = useLoaded(key, (signal) =>
    api.get<CallPageOfRows>("v1/calls", { query: { ...asked(filters), limit: PAGE }, signal }),
  );
  const [more, setMore] = useState<CallPageOfRows | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => setMore(null), [key]);
  useEvery(REFRESH_MS, () => more || first.reload());
  useEffect(() => {
    if (first.value && isNarrowed(filters)) announce(t.found(first.value.calls.length, first.value.next !== null));
  }, [first.value]);

  const calls = [...(first.value?.calls ?? []), ...(more?.calls ?? [])];
  const next = more ? more.next : (first.value?.next ?? null);
  const searched = (first.value?.searched ?? 0) + (more?.searched ?? 0);
  const fetchMore = async () => {
    setBusy(true);
    try {
      const page = await api.get<CallPageOfRows>("v1/calls", {
        query: { ...asked(filters), limit: PAGE, after: next },
      });
      setMore({
        calls: [...(more?.calls ?? []), ...page.calls],
        next: page.next,
        searched: (more?.searched ?? 0) + (page.searched ?? 0),
      });
    } catch (error) {
      toast(wordsFor(error), "danger");
    }
    setBusy(false);
  };
  return (
    <Page title={t.title} lead={t.lead}>
      <div class="stack">
        <FilterBar filters={filters} />
        {first.error && <Failed message={first.error} retry={first.reload} />}
        {!first.value && first.loading && <Waiting />}
        {first.value && calls.length === 0 && <Nothing filters={filters} searched={next ? searched : 0} />}
        {calls.length > 0 && <Rows calls={calls} />}
        {next && (
          <div class="row calls-more">
            <Button busy={busy} onClick={fetchMore}>
              {searched ? t.searchOlder : t.more}
            </Button>
          </div>
        )}
      </div>
    </Page>
  );
}

/** No call to show; `searched` transcripts have been read where there are older ones to look through. */
function Nothing({ filters, searched }: { filters: Filters; searched: number }) {
  const t = useTexts();
  const narrowed = isNarrowed(filters);
  return (
    <div class="card">
      <Empty icon={narrowed ? "search" : "calls"} title={narrowed ? t.calls.noMatch : t.calls.none}>
        <p>{searched ? t.calls.notAmong(searched) : narrowed ? t.calls.noMatchHint : t.calls.noneHint}</p>
        {narrowed ? (
          <Button onClick={() => go(href(["calls"]))}>{t.calls.clear}</Button>
        ) : (
          <LinkButton href={href(["live"])}>{t.live.firstTitle}</LinkButton>
        )}
      </Empty>
    </div>
  );
}

function Rows({ calls }: { calls: readonly CallRow[] }) {
  const t = useTexts().calls;
  return (
    <div class="card flush">
      <table class="table folds calls-table">
        <caption class="hidden-visually">{t.title}</caption>
        <thead>
          <tr>
            <th scope="col">{t.when}</th>
            <th scope="col">{t.number}</th>
            <th scope="col">{t.persona}</th>
            <th scope="col">{t.ending}</th>
            <th scope="col">{t.marks}</th>
            <th scope="col" class="end">
              {t.length}
            </th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call) => (
            <Row key={call.call_id} call={call} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ call }: { call: CallRow }) {
  const texts = useTexts();
  const t = texts.calls;
  const party = (call.direction === "outbound" ? call.to : call.from) || texts.live.unknownNumber;
  return (
    <tr class="linked">
      <td class="calls-when">
        <a class="calls-link" href={href(["calls", call.call_id])}>
          {moment(call.started_at)}
        </a>
      </td>
      <td class="calls-number num">
        <span class="muted" title={call.direction === "outbound" ? texts.live.outbound : texts.live.inbound}>
          <span aria-hidden="true">{call.direction === "outbound" ? "↗ " : "↙ "}</span>
          <span class="hidden-visually">
            {call.direction === "outbound" ? texts.live.outbound : texts.live.inbound}{" "}
          </span>
        </span>
        {party}
      </td>
      <td class="calls-persona">{call.persona}</td>
      <td class="calls-how">
        <HowPill how={call.ended} />
      </td>
      <td class="calls-marks">
        <span class="row">
          {call.verdicts > 0 && (
            <Pill tone="warn">
              <Icon name="shield" size={14} />
              {texts.live.verdicts(call.verdicts)}
            </Pill>
          )}
          {call.problems > 0 && (
            <Pill tone="danger">
              <Icon name="warn" size={14} />
              {t.problems(call.problems)}
            </Pill>
          )}
          {call.recording && (
            <span class="muted" title={t.recorded}>
              <Icon name="voices" size={17} />
              <span class="hidden-visually">{t.recorded}</span>
            </span>
          )}
        </span>
      </td>
      <td class="calls-length end num">{call.seconds === null ? "–" : clock(call.seconds)}</td>
    </tr>
  );
}

const GOOD = ["caller_hung_up", "agent_goodbye", "transfer", "operator_hangup"];
const BAD = ["engine_failed", "internal_error", "interrupted", "protocol_error", "carrier_lost"];

/** How a call ended, coloured by whether that is how it should. */
export function HowPill({ how }: { how: string | null }) {
  const t = useTexts().calls;
  if (how === null)
    return (
      <Pill tone="accent" dot>
        {t.goingOn}
      </Pill>
    );
  const tone: Tone = GOOD.includes(how) ? "plain" : BAD.includes(how) ? "danger" : "warn";
  return <Pill tone={tone}>{t.how[how] ?? how}</Pill>;
}
