/**
 * A closed outline of lowest and highest samples, -1 to 1, for a drawing from -100 to 100 with one unit of width to a point.
 * Quiet lines are raised: speech on the telephone fills a fifth of what is possible. At least a hair is always seen.
 */
export function wavePath(points: readonly (readonly [low: number, high: number])[]): string {
  if (!points.length) return "";
  const loudest = Math.max(0, ...points.flatMap(([low, high]) => [Math.abs(low), Math.abs(high)]));
  const raise = 96 / Math.max(loudest, QUIETEST);
  const upper = points.map(([, high], at) => `${at} ${round(-Math.max(high * raise, 1))}`);
  const lower = points.map(([low], at) => `${at} ${round(-Math.min(low * raise, -1))}`).reverse();
  return `M${upper.join("L")}L${lower.join("L")}Z`;
}

/** A line that is quieter than this throughout holds nothing but noise, which is not blown up. */
const QUIETEST = 0.02;

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
