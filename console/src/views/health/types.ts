/** What `GET /health` says, as far as it is shown. */
export interface Health {
  status: "ok" | "starting" | "draining";
  version: string;
  engine: string;
  engine_state: "starting" | "ready" | "down" | "stopped";
  engine_restarts: number;
  model: string | null;
  recogniser: string | null;
  gpu: { name: string; memory_bytes: number } | null;
  calls: number;
  admitted: number;
  kv_used_bytes: number;
  kv_reserved_bytes: number;
  shedding: boolean;
  on_hold: number;
  personas: readonly string[];
  personas_with_problems: readonly string[];
}

export const LINES = [
  "calls",
  "capacity",
  "on_hold",
  "answer_p50_ms",
  "answer_p95_ms",
  "tick_p50_ms",
  "tick_p99_ms",
  "wait_p50_ms",
  "wait_p99_ms",
  "loop_lag_ms",
  "rss_mb",
  "engine_rss_mb",
  "cpu",
  "engine_cpu",
] as const;
export type Line = (typeof LINES)[number];

/** What `GET /v1/series` says. */
export type Series = { every: number; at: readonly string[] } & Record<Line, readonly (number | null)[]>;
