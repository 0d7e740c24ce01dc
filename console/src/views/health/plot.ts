/** What plots are made of: scales, lines, and as many points as there are pixels. No drawing. */

export type Values = readonly (number | null)[];

/** The next round number: 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

/** The greatest of all values, and of `least`. */
export function highest(lines: readonly Values[], least = 0): number {
  let most = least;
  for (const line of lines) for (const value of line) if (value !== null && value > most) most = value;
  return most;
}

/** Of each column of at most `columns`, the greatest value: no peak is lost. What lies in none is null. */
export function thinned(times: readonly number[], values: Values, from: number, to: number, columns: number): Values {
  const kept: (number | null)[] = Array.from({ length: columns }, () => null);
  values.forEach((value, index) => {
    const time = times[index] ?? Number.NaN;
    if (value === null || !(time >= from && time <= to)) return;
    const at = Math.min(columns - 1, Math.floor(((time - from) / (to - from)) * columns));
    const before = kept[at];
    if (before === null || before === undefined || value > before) kept[at] = value;
  });
  return kept;
}

/** An SVG path over a box of `width` by `height`; gaps of up to `bridge` empty columns are crossed. */
export function path(values: Values, top: number, width: number, height: number, bridge: number): string {
  const parts: string[] = [];
  let last = -1;
  values.forEach((value, index) => {
    if (value === null) return;
    const x = ((index + 0.5) / values.length) * width;
    const y = height - (Math.min(value, top) / top) * height;
    const goesOn = last >= 0 && index - last <= bridge + 1;
    // A point by itself is a line of no length, which round ends make a dot.
    parts.push(`${goesOn ? "L" : `M${x.toFixed(1)} ${y.toFixed(1)}L`}${x.toFixed(1)} ${y.toFixed(1)}`);
    last = index;
  });
  return parts.join("");
}

export interface Figures {
  now: number | null;
  low: number | null;
  high: number | null;
  mean: number | null;
}

/** A line in four figures. `now` is the last one there is. */
export function figures(values: Values): Figures {
  const known = values.filter((value): value is number => value !== null);
  const now = known.at(-1) ?? null;
  if (now === null) return { now, low: null, high: null, mean: null };
  return {
    now,
    low: known.reduce((least, value) => Math.min(least, value)),
    high: known.reduce((most, value) => Math.max(most, value)),
    mean: known.reduce((sum, value) => sum + value, 0) / known.length,
  };
}
