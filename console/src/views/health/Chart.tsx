import { useState } from "preact/hooks";
import { useTexts } from "../../i18n";
import { number } from "../../lib/format";
import { type Figures, figures, highest, path, roundUp, thinned, type Values } from "./plot";
import type { Line, Series } from "./types";

const WIDTH = 600;
const HEIGHT = 120;
const COLUMNS = 200;

export interface ChartGiven {
  name: string;
  title: string;
  hint: string;
  unit: "ms" | "MB" | "cores" | "calls";
  digits?: number;
  lines: readonly (readonly [Line, string])[];
  series: Series;
  /** Milliseconds since 1970 at both ends of the time shown. */
  from: number;
  to: number;
  /** The scale reaches at least here. */
  least?: number;
  /** A value that must not be reached. */
  limit?: number;
  /** Empty columns that a line crosses. */
  bridge?: number;
}

/** Lines over time, with each line's figures in words and in a table; the pointer reads values off. */
export function Chart(given: ChartGiven) {
  const { name, title, hint, lines, series, from, to, least = 0, limit, bridge = 4 } = given;
  const t = useTexts().health;
  const [at, setAt] = useState<number | null>(null);
  const times = series.at.map((iso) => Date.parse(iso));
  const columns = lines.map(([line]) => thinned(times, series[line] ?? [], from, to, COLUMNS));
  const top = roundUp(highest(columns, least));
  const known = lines.map(([line]) => figures(inTime(times, series[line] ?? [], from, to)));
  const show = useShown(given);
  const id = `chart-${name}`;
  return (
    <figure class="card chart" aria-labelledby={id}>
      <figcaption>
        <h3 id={id}>{title}</h3>
        <p class="small muted">{hint}</p>
      </figcaption>
      <ul class="chart-lines">
        {lines.map(([line, words], index) => (
          <li key={line} class={`chart-line-${index}`}>
            <span class="chart-key" />
            <span class="small muted">{words}</span>
            <strong class="num">{show(at === null ? known[index]?.now : (columns[index]?.[at] ?? null))}</strong>
          </li>
        ))}
      </ul>
      <div class="chart-box">
        <span class="chart-top num small muted">{show(top)}</span>
        <Drawing
          {...{ columns, top, at, setAt, bridge }}
          {...(limit && limit <= top ? { limit } : {})}
          label={useLabel(given, known)}
        />
        <div class="chart-times small muted num">
          <span>{clockTime(from, false)}</span>
          {at !== null && <span>{clockTime(from + ((at + 0.5) / COLUMNS) * (to - from), true)}</span>}
          <span>{clockTime(to, false)}</span>
        </div>
      </div>
      <details class="chart-table">
        <summary>{t.table}</summary>
        <Table {...given} known={known} />
      </details>
    </figure>
  );
}

function Drawing({
  columns,
  top,
  limit,
  at,
  setAt,
  bridge,
  label,
}: {
  columns: readonly Values[];
  top: number;
  limit?: number;
  at: number | null;
  setAt: (at: number | null) => void;
  bridge: number;
  label: string;
}) {
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    setAt(Math.max(0, Math.min(COLUMNS - 1, Math.floor(share * COLUMNS))));
  };
  const x = at === null ? 0 : ((at + 0.5) / COLUMNS) * WIDTH;
  return (
    <svg
      class="chart-drawing"
      role="img"
      aria-label={label}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      onPointerMove={point}
      onPointerLeave={() => setAt(null)}
    >
      {[0, 0.5, 1].map((share) => (
        <line key={share} class="chart-grid" x1={0} x2={WIDTH} y1={share * HEIGHT} y2={share * HEIGHT} />
      ))}
      {limit !== undefined && (
        <line class="chart-limit" x1={0} x2={WIDTH} y1={HEIGHT * (1 - limit / top)} y2={HEIGHT * (1 - limit / top)} />
      )}
      {columns.map((values, index) => (
        <path
          key={index}
          class={`chart-path chart-line-${index}${bridge ? "" : " chart-dots"}`}
          d={path(values, top, WIDTH, HEIGHT, bridge)}
        />
      ))}
      {at !== null && <line class="chart-at" x1={x} x2={x} y1={0} y2={HEIGHT} />}
    </svg>
  );
}

function Table({ lines, known, title, ...given }: ChartGiven & { known: readonly Figures[] }) {
  const t = useTexts().health;
  const show = useShown(given);
  return (
    <table class="table" aria-label={title}>
      <thead>
        <tr>
          <td />
          <th scope="col" class="end">
            {t.now}
          </th>
          <th scope="col" class="end">
            {t.mean}
          </th>
          <th scope="col" class="end">
            {t.highest}
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map(([line, words], index) => (
          <tr key={line}>
            <th scope="row">{words}</th>
            <td class="end num">{show(known[index]?.now)}</td>
            <td class="end num">{show(known[index]?.mean)}</td>
            <td class="end num">{show(known[index]?.high)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A value with its unit, in the reader's language. */
function useShown({ unit, digits = 0 }: Pick<ChartGiven, "unit" | "digits">) {
  const t = useTexts().health;
  return (value: number | null | undefined) =>
    value === null || value === undefined ? t.noValue : `${number(value, digits)} ${t.units[unit]}`.trim();
}

/** The drawing in words. */
function useLabel(given: ChartGiven, known: readonly Figures[]): string {
  const t = useTexts().health;
  const show = useShown(given);
  const told = given.lines.map(([, words], index) => {
    const line = known[index];
    if (!line || line.now === null) return t.empty(words);
    return t.summary(words, show(line.now), show(line.low), show(line.high));
  });
  return `${given.title}. ${told.join(". ")}`;
}

function inTime(times: readonly number[], values: Values, from: number, to: number): Values {
  return values.filter((_, index) => {
    const time = times[index] ?? Number.NaN;
    return time >= from && time <= to;
  });
}

function clockTime(ms: number, seconds: boolean): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;
}
