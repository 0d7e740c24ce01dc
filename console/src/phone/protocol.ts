/** The messages of `WS /v1/phone`. Binary ones are audio; the rest is JSON in text. */

import type { Format } from "./pcm";

/** What the server says, as far as this phone knows it. */
export type FromServer =
  | { type: "started"; call_id: string; persona: string; business: string; language: string }
  | { type: "mark"; name: string }
  | { type: "clear" }
  | { type: "text"; text: string }
  | { type: "record"; record: CallRecord }
  | { type: "pong"; t: number }
  | { type: "ended"; how: string; reason: string };

/** What the phone says. */
export type ToServer =
  | { type: "start"; persona: string; format: Format; record: boolean }
  | { type: "mark"; name: string }
  | { type: "digit"; digit: string }
  | { type: "hangup" }
  | { type: "ping"; t: number };

/** A record of the call, as docs/transcripts.md describes them; those that a phone does not show are passed over. */
export type CallRecord =
  | { type: "caller_said"; text: string; start_ms: number; end_ms: number }
  | { type: "agent_said"; text: string; turn: number; start_ms: number; end_ms: number }
  | { type: "agent_unheard"; text: string; turn: number; at_ms: number; reason: string }
  | {
      type: "verdict";
      phrase: string;
      topic: string;
      speaker: "agent" | "caller";
      action: string;
      at_ms: number;
      withheld: string;
      audible: boolean;
      begun: string;
      heard: string;
    }
  | { type: "digit"; digit: string; at_ms: number }
  | { type: "recording"; state: "began" | "deleted"; at_ms: number }
  | { type: "asked"; what: string; by: string; at_ms: number }
  | { type: "problem"; what: string; at_ms: number }
  | { type: "ended"; how: string; reason: string; seconds: number };

const KINDS = new Set(["started", "mark", "clear", "text", "record", "pong", "ended"]);

/** A text message of the server; null for one that this phone does not know. */
export function read(message: string): FromServer | null {
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return null;
  }
  const kind = typeof value === "object" && value !== null && "type" in value ? value.type : null;
  return typeof kind === "string" && KINDS.has(kind) ? (value as FromServer) : null;
}

/** The keys of a telephone. */
export const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"] as const;
