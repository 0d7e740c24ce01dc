// The lines of a call's record, as docs/transcripts.md has them. Times are milliseconds of the call's own clock.

export type Speaker = "caller" | "agent";
export type Action = "refuse" | "redirect" | "transfer" | "hangup";

export interface CallRecord {
  type: "call";
  call_id: string;
  persona: string;
  from: string;
  to: string;
  carrier: string;
  started_at: string;
  engine: string;
  direction?: "inbound" | "outbound";
}

export interface CallerSaid {
  type: "caller_said";
  text: string;
  start_ms: number;
  end_ms: number;
}

export interface AgentSaid {
  type: "agent_said";
  text: string;
  turn: number;
  start_ms: number;
  end_ms: number;
  proven?: boolean;
}

export interface AgentUnheard {
  type: "agent_unheard";
  text: string;
  turn: number;
  at_ms: number;
  reason: "caller_spoke" | "gate" | "call_ended";
}

export interface VerdictRecord {
  type: "verdict";
  phrase: string;
  topic: string;
  speaker: Speaker;
  action: Action;
  at_ms: number;
  withheld?: string;
  audible?: boolean;
  begun?: string;
  heard?: string;
}

export type OtherRecord =
  | { type: "digit"; digit: string; at_ms: number }
  | { type: "recording"; state: "began" | "deleted"; at_ms: number }
  | { type: "asked"; what: "transfer" | "hangup" | "never_call"; by: string; at_ms: number }
  | { type: "person"; status: string; at_ms: number; seconds?: number | null }
  | { type: "problem"; what: string; at_ms: number }
  | { type: "carrier"; what: string; told_at: string; seconds?: number | null; code?: string }
  | { type: "summary"; text: string }
  | { type: "ended"; how: string; reason: string; ended_at: string; seconds: number };

export type TranscriptRecord = CallRecord | CallerSaid | AgentSaid | AgentUnheard | VerdictRecord | OtherRecord;

/** Ends of which the server's reason says nothing that their name does not say. */
const PLAIN_ENDS: readonly string[] = ["caller_hung_up", "agent_goodbye", "idle", "too_long", "shutdown"];

/** Whether the reason for which a call ended is worth showing beside how it did. */
export function saysMore(end: { how: string; reason: string }): boolean {
  return end.reason !== "" && !PLAIN_ENDS.includes(end.how);
}

/** The records of a JSON Lines file. A line that is none, such as an unfinished last one, is passed over. */
export function parseRecords(text: string): TranscriptRecord[] {
  const records: TranscriptRecord[] = [];
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    try {
      records.push(JSON.parse(line) as TranscriptRecord);
    } catch {
      // Readers pass over what a dying process left half written.
    }
  }
  return records;
}
