export type Status = "downloaded" | "partial" | "missing" | "wrong_size" | "damaged";

export type Failure =
  | "token_missing"
  | "token_malformed"
  | "token_rejected"
  | "licence"
  | "not_found"
  | "rate_limit"
  | "unreachable"
  | "stalled"
  | "no_room"
  | "damaged"
  | "package"
  | "other";

/** How far a download is; counts are bytes. */
export interface Progress {
  state: "downloading" | "checking" | "done" | "failed" | "stopped";
  file: string;
  have: number;
  total: number;
  all_have: number;
  all_total: number;
  idle_seconds: number;
  error: Failure | null;
  advice: string | null;
}

export interface ModelFile {
  name: string;
  type?: string;
  status: Status;
  presentSizeMb: number;
  expectedSizeMb?: number;
  expectedSizeIsExact?: boolean;
  isRequired?: boolean;
  note?: string;
}

/** One entry of `GET /v1/models`. Sizes are in 10^6 bytes. */
export interface Model {
  name: string;
  type: string;
  status: Status;
  localPath: string;
  expectedSizeMb: number;
  presentSizeMb: number;
  isRequired: boolean;
  isAvailableForDownload: boolean;
  requiresAuthentication: boolean;
  loaded: boolean;
  download: Progress | null;
  package?: string;
  files: readonly ModelFile[];
}

export interface Forecast {
  weights: string;
  kv: string;
  step_ms: number | null;
  calls: number;
  limit: string;
  real_time: boolean;
}

/** What `GET /v1/machine` says. */
export interface Machine {
  processor: { name: string; cores: number; usable_cores: number };
  memory: { total_bytes: number; available_bytes: number };
  disks: readonly { for: "models" | "calls"; total_bytes: number; free_bytes: number }[];
  gpus: readonly {
    name: string;
    memory_bytes: number;
    bandwidth_bytes_per_second: number | null;
    forecast: readonly Forecast[];
  }[];
  efficiency: number;
  holds: { engine: string; state: string; slots: number; calls: number; bound: "slots" | "tick_time" | "memory" };
}
