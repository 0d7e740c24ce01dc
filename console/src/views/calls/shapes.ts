/** One row of `GET /v1/calls`. */
export interface CallRow {
  call_id: string;
  persona: string;
  from: string;
  to: string;
  direction: "inbound" | "outbound";
  started_at: string;
  /** How it ended; null while it goes on. */
  ended: string | null;
  seconds: number | null;
  recording: boolean;
  turns: number;
  verdicts: number;
  problems: number;
}

export interface CallPageOfRows {
  calls: CallRow[];
  next: string | null;
  /** How many transcripts were read for the words that were asked for; null where none had to be. */
  searched: number | null;
}

/** `GET /v1/calls/ID`, as far as it is shown; the words come from the transcript. */
export interface CallFacts {
  call_id: string;
  persona: string | null;
  from: string | null;
  to: string | null;
  direction: "inbound" | "outbound" | null;
  carrier: string | null;
  carrier_id: string | null;
  engine: string | null;
  started_at: string | null;
  ended_at: string | null;
  seconds: number;
  ended: string | null;
  reason: string | null;
  summary: string | null;
  recording: boolean;
  counters: Record<string, number>;
}

export interface Waveform {
  seconds: number;
  rate: number;
  caller: [low: number, high: number][];
  agent: [low: number, high: number][];
}
