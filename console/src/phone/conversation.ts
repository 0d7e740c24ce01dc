/** Both sides' words as they come, out of the call's records and the words that have been sent but not yet heard. */

import type { CallRecord } from "./protocol";

/** A piece of the agent's words: heard, on its way, or taken back before it was heard. */
export interface Piece {
  text: string;
  state: "heard" | "coming" | "unheard";
}

/** A line of the conversation. `key` is the line's own for as long as the call is shown. */
export type Line =
  | { kind: "caller"; key: string; atMs: number; text: string }
  | { kind: "agent"; key: string; atMs: number; turn: number; pieces: Piece[] }
  | {
      kind: "verdict";
      key: string;
      atMs: number;
      speaker: "agent" | "caller";
      action: string;
      phrase: string;
      topic: string;
      withheld: string;
      audible: boolean;
    }
  | { kind: "note"; key: string; atMs: number; what: "digit" | "recording" | "asked" | "problem"; detail: string };

/** Lines by their time, and what of the agent's words is on its way. */
export interface Conversation {
  lines: readonly Line[];
  coming: string;
  made: number;
}

export const EMPTY: Conversation = { lines: [], coming: "", made: 0 };

/** More lines than any call of an hour makes; beyond it the oldest go. */
export const MAX_LINES = 2000;

/** The agent's words leave for us. */
export function withText(talk: Conversation, text: string): Conversation {
  return { ...talk, coming: talk.coming + text };
}

/** The words on their way were taken back; what of them was heard comes as a record. */
export function withClear(talk: Conversation): Conversation {
  return { ...talk, coming: "" };
}

/** A record of the call was written. */
export function withRecord(talk: Conversation, record: CallRecord): Conversation {
  const key = `${talk.made}`;
  switch (record.type) {
    case "caller_said":
      return placed(talk, { kind: "caller", key, atMs: record.start_ms, text: record.text });
    case "agent_said":
      return spoken(arrived(talk, record.text), record.turn, record.start_ms, { text: record.text, state: "heard" });
    case "agent_unheard":
      return spoken(arrived(talk, record.text), record.turn, record.at_ms, { text: record.text, state: "unheard" });
    case "verdict":
      return placed(talk, {
        kind: "verdict",
        key,
        atMs: record.at_ms,
        speaker: record.speaker,
        action: record.action,
        phrase: record.phrase,
        topic: record.topic,
        withheld: record.withheld,
        audible: record.audible,
      });
    case "digit":
      return placed(talk, { kind: "note", key, atMs: record.at_ms, what: "digit", detail: record.digit });
    case "recording":
      return placed(talk, { kind: "note", key, atMs: record.at_ms, what: "recording", detail: record.state });
    case "asked":
      return placed(talk, { kind: "note", key, atMs: record.at_ms, what: "asked", detail: record.what });
    case "problem":
      return placed(talk, { kind: "note", key, atMs: record.at_ms, what: "problem", detail: record.what });
    default:
      return talk;
  }
}

/** Take words off those on their way: they are the first of them, or come behind some that were never heard of. */
function arrived(talk: Conversation, text: string): Conversation {
  const at = talk.coming.indexOf(text.trim());
  return at < 0 ? talk : { ...talk, coming: talk.coming.slice(at + text.trim().length) };
}

/** The agent's piece behind the others of its turn. */
function spoken(talk: Conversation, turn: number, atMs: number, piece: Piece): Conversation {
  const at = talk.lines.findLastIndex((line) => line.kind === "agent" && line.turn === turn);
  const line = talk.lines[at];
  if (line?.kind !== "agent") return placed(talk, { kind: "agent", key: `${talk.made}`, atMs, turn, pieces: [piece] });
  return { ...talk, lines: talk.lines.with(at, { ...line, pieces: joined(line.pieces, piece) }) };
}

function joined(pieces: readonly Piece[], piece: Piece): Piece[] {
  const last = pieces.at(-1);
  if (last?.state !== piece.state) return [...pieces, piece];
  return [...pieces.slice(0, -1), { ...last, text: last.text + piece.text }];
}

function placed(talk: Conversation, line: Line): Conversation {
  const at = talk.lines.findLastIndex((other) => other.atMs <= line.atMs) + 1;
  const lines = talk.lines.toSpliced(at, 0, line).slice(-MAX_LINES);
  return { ...talk, lines, made: talk.made + 1 };
}

/**
 * A text in parts, each with whether it is one of the gate's phrases: whole words, whatever their case, with a `*` for
 * any ending. For the eye only; the gate itself knows more forms of a word than this.
 */
export function highlighted(text: string, phrases: readonly string[]): (readonly [text: string, marked: boolean])[] {
  const wanted = phrases.map((phrase) =>
    phrase
      .trim()
      .split(/\s+/)
      .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace("\\*", "[\\p{L}\\p{N}]*"))
      .join("\\s+"),
  );
  if (!wanted.some(Boolean)) return [[text, false]];
  const found = new RegExp(`(?<![\\p{L}\\p{N}])(${wanted.filter(Boolean).join("|")})(?![\\p{L}\\p{N}])`, "iu");
  return text
    .split(found)
    .map((part, at) => [part, at % 2 === 1] as const)
    .filter(([part]) => part !== "");
}
