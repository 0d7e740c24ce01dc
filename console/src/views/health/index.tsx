import "./health.css";
import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { ApiError } from "../../api/errors";
import { useTexts } from "../../i18n";
import { useEvery, useLoaded } from "../../lib/load";
import { Segments } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Failed, Page, Waiting } from "../../ui/Page";
import type { ViewProps } from "..";
import { Chart } from "./Chart";
import { State } from "./State";
import type { Health, Series } from "./types";

const EVERY_MS = 5000;
const RANGES = ["900", "3600", "21600"] as const;
type Range = (typeof RANGES)[number];

/** 503 is an answer, too: of a server that starts or winds down. */
async function askHealth(signal: AbortSignal): Promise<Health> {
  try {
    return await api.get<Health>("health", { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 503 && (error.body as Health | null)?.status)
      return error.body as Health;
    throw error;
  }
}

export default function HealthView(_: ViewProps) {
  const t = useTexts().health;
  const [range, setRange] = useState<Range>("900");
  const health = useLoaded("health", askHealth);
  const series = useLoaded(`series-${range}`, (signal) =>
    api.get<Series>("v1/series", { query: { seconds: range }, signal }),
  );
  useEvery(EVERY_MS, () => {
    health.reload();
    series.reload();
  });
  return (
    <Page
      title={t.title}
      lead={t.lead}
      actions={
        <Segments
          label={t.range}
          value={range}
          onValue={setRange}
          options={RANGES.map((one) => [one, t.ranges[one]] as const)}
        />
      }
    >
      <div class="stack">
        {health.value && <State health={health.value} stale={health.error !== ""} />}
        {!health.value && (health.error ? <Failed message={health.error} retry={health.reload} /> : <Waiting />)}
        {series.value ? (
          <Charts series={series.value} seconds={Number(range)} />
        ) : series.error ? (
          <Failed message={series.error} retry={series.reload} />
        ) : (
          <Waiting />
        )}
      </div>
    </Page>
  );
}

function Charts({ series, seconds }: { series: Series; seconds: number }) {
  const t = useTexts().health;
  const last = series.at.at(-1);
  if (!last) return <Notice>{t.noSamples}</Notice>;
  const to = Date.parse(last);
  const given = { series, to, from: to - seconds * 1000 };
  const c = t.charts;
  return (
    <div class="charts">
      <Chart
        {...given}
        {...c.calls}
        name="calls"
        unit="calls"
        least={1}
        lines={[
          ["capacity", c.calls.lines.capacity],
          ["calls", c.calls.lines.calls],
          ["on_hold", c.calls.lines.on_hold],
        ]}
      />
      <Chart
        {...given}
        {...c.answers}
        name="answers"
        unit="ms"
        least={1000}
        bridge={0}
        lines={[
          ["answer_p95_ms", c.answers.lines.answer_p95_ms],
          ["answer_p50_ms", c.answers.lines.answer_p50_ms],
        ]}
      />
      <Chart
        {...given}
        {...c.ticks}
        name="ticks"
        unit="ms"
        digits={1}
        least={20}
        limit={80}
        lines={[
          ["tick_p99_ms", c.ticks.lines.tick_p99_ms],
          ["tick_p50_ms", c.ticks.lines.tick_p50_ms],
        ]}
      />
      <Chart
        {...given}
        {...c.waits}
        name="waits"
        unit="ms"
        digits={1}
        least={20}
        limit={80}
        lines={[
          ["wait_p99_ms", c.waits.lines.wait_p99_ms],
          ["wait_p50_ms", c.waits.lines.wait_p50_ms],
        ]}
      />
      <Chart
        {...given}
        {...c.lag}
        name="lag"
        unit="ms"
        digits={1}
        least={20}
        limit={20}
        lines={[["loop_lag_ms", c.lag.lines.loop_lag_ms]]}
      />
      <Chart
        {...given}
        {...c.cpu}
        name="cpu"
        unit="cores"
        digits={2}
        least={1}
        lines={[
          ["cpu", c.cpu.lines.cpu],
          ["engine_cpu", c.cpu.lines.engine_cpu],
        ]}
      />
      <Chart
        {...given}
        {...c.memory}
        name="memory"
        unit="MB"
        least={100}
        lines={[
          ["rss_mb", c.memory.lines.rss_mb],
          ["engine_rss_mb", c.memory.lines.engine_rss_mb],
        ]}
      />
    </div>
  );
}
