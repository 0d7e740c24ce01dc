/**
 * A closed outline of lowest and highest samples, for a drawing from -100 to 100 with one unit of width to a point.
 * Quiet lines are raised: speech on the telephone fills a fifth of what is possible. At least a hair is always seen.
 */
export function wavePath(points: readonly (readonly [low: number, high: number])[]): string {
  if (!points.length) return "";
  const loudest = Math.max(1e-9, ...points.flatMap(([low, high]) => [Math.abs(low), Math.abs(high)]));
  const raise = loudest > QUIETEST * full(loudest) ? 96 / loudest : 96 / (QUIETEST * full(loudest));
  const upper = points.map(([, high], at) => `${at} ${round(-Math.max(high * raise, 1))}`);
  const lower = points.map(([low], at) => `${at} ${round(-Math.min(low * raise, -1))}`).reverse();
  return `M${upper.join("L")}L${lower.join("L")}Z`;
}

const QUIETEST = 0.02;

/** What full loudness is: samples come as shares of it, or as 16-bit numbers. */
function full(loudest: number): number {
  return loudest > 1.5 ? 32768 : 1;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
