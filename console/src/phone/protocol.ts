/** The messages of `WS /v1/phone`. Binary ones are audio; the rest is JSON in text. */

import type { TranscriptRecord } from "../call/records";
import type { Format } from "./pcm";

/** What the server says, as far as this phone knows it. */
export type FromServer =
  | { type: "started"; call_id: string; persona: string; business: string; language: string }
  | { type: "mark"; name: string }
  | { type: "clear" }
  | { type: "text"; text: string }
  | { type: "record"; record: TranscriptRecord }
  | { type: "pong"; t: number }
  | { type: "ended"; how: string; reason: string };

/** What the phone says. */
export type ToServer =
  | { type: "start"; persona: string; format: Format; record: boolean }
  | { type: "mark"; name: string }
  | { type: "digit"; digit: string }
  | { type: "hangup" }
  | { type: "ping"; t: number };

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
