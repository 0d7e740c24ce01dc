import type {
  AgentSaid,
  AgentUnheard,
  CallerSaid,
  OtherRecord,
  Speaker,
  TranscriptRecord,
  VerdictRecord,
} from "./records";

/** Words in one go, of pieces that each have their own time: a piece is what was heard at one moment. */
export interface SaidLine {
  kind: "said";
  key: string;
  speaker: Speaker;
  text: string;
  start_ms: number;
  end_ms: number;
}

/** Words of the agent that were taken back before they were heard. */
export interface UnheardLine {
  kind: "unheard";
  key: string;
  text: string;
  start_ms: number;
  end_ms: number;
  reason: AgentUnheard["reason"];
}

export interface VerdictLine {
  kind: "verdict";
  key: string;
  start_ms: number;
  end_ms: number;
  verdict: VerdictRecord;
}

/** Something else that happened: a key, a wish, a problem, the end. */
export interface NoteLine {
  kind: "note";
  key: string;
  start_ms: number;
  end_ms: number;
  record: OtherRecord;
}

export type Line = SaidLine | UnheardLine | VerdictLine | NoteLine;

/** An engine that does not count its utterances has begun a new one after a silence of this length. */
const PAUSE_MS = 1200;

/** From records to a conversation, in the order of the call's clock; the rules are those of `bridge/transcript/turns.py`. */
export function conversation(records: readonly TranscriptRecord[]): Line[] {
  const caller = records.filter((one) => one.type === "caller_said");
  const agent = records.filter((one) => one.type === "agent_said").sort((a, b) => a.start_ms - b.start_ms);
  const lines: Line[] = [
    ...caller.map((one) => callerLine(one)),
    ...utterances(agent, caller).map((pieces) => agentLine(pieces)),
    ...unheard(records.filter((one) => one.type === "agent_unheard")),
  ].filter((line) => line.text);
  let last = 0;
  for (const line of lines) last = Math.max(last, line.end_ms);
  records.forEach((record, index) => {
    if (record.type === "verdict")
      lines.push({ kind: "verdict", key: `v${index}`, start_ms: record.at_ms, end_ms: record.at_ms, verdict: record });
    else if (isNote(record)) lines.push(note(record, index, last));
  });
  return lines.sort((a, b) => a.start_ms - b.start_ms || order(a) - order(b));
}

/** At one moment a verdict comes before the words that it took back, and the end after everything. */
function order(line: Line): number {
  if (line.kind === "note") return line.record.type === "ended" ? 4 : 3;
  return line.kind === "verdict" ? 0 : line.kind === "unheard" ? 1 : 2;
}

function callerLine(said: CallerSaid): SaidLine {
  const { start_ms, end_ms } = said;
  return { kind: "said", key: `c${start_ms}`, speaker: "caller", text: tidy(said.text), start_ms, end_ms };
}

function agentLine(pieces: readonly AgentSaid[]): SaidLine {
  const start_ms = pieces[0]?.start_ms ?? 0;
  const end_ms = Math.max(...pieces.map((piece) => piece.end_ms));
  const text = tidy(pieces.map((piece) => piece.text).join(""));
  return { kind: "said", key: `a${start_ms}`, speaker: "agent", text, start_ms, end_ms };
}

/** Pieces of one turn number are one utterance; those of turn 0 are parted by pauses and by the caller. */
function utterances(pieces: readonly AgentSaid[], caller: readonly CallerSaid[]): AgentSaid[][] {
  const numbered = new Map<number, AgentSaid[]>();
  const loose: AgentSaid[][] = [];
  for (const piece of pieces) {
    if (piece.turn) numbered.set(piece.turn, [...(numbered.get(piece.turn) ?? []), piece]);
    else {
      const row = loose.at(-1);
      const before = row?.at(-1);
      if (row && before && !parted(before, piece, caller)) row.push(piece);
      else loose.push([piece]);
    }
  }
  return [...numbered.values(), ...loose];
}

function parted(one: AgentSaid, other: AgentSaid, caller: readonly CallerSaid[]): boolean {
  if (other.start_ms - one.end_ms > PAUSE_MS) return true;
  return caller.some((said) => one.end_ms <= said.start_ms && said.end_ms <= other.start_ms);
}

/** Words that were taken back at one moment, as one line. */
function unheard(pieces: readonly AgentUnheard[]): UnheardLine[] {
  const moments = new Map<string, UnheardLine>();
  for (const { turn, at_ms, reason, text } of pieces) {
    const key = `u${turn}-${at_ms}-${reason}`;
    const before = moments.get(key);
    moments.set(key, {
      kind: "unheard",
      key,
      reason,
      start_ms: at_ms,
      end_ms: at_ms,
      text: before ? before.text + text : text,
    });
  }
  return [...moments.values()].map((line) => ({ ...line, text: tidy(line.text) }));
}

function isNote(record: TranscriptRecord): record is OtherRecord {
  return ["digit", "recording", "asked", "person", "problem", "ended"].includes(record.type);
}

function note(record: OtherRecord, index: number, last: number): NoteLine {
  const at = "at_ms" in record ? record.at_ms : record.type === "ended" ? Math.max(last, record.seconds * 1000) : last;
  return { kind: "note", key: `n${index}`, start_ms: at, end_ms: at, record };
}

function tidy(text: string): string {
  return text.split(/\s+/).filter(Boolean).join(" ");
}

/** The line that is being spoken at `ms`, or was last; -1 before the first. Notes are never spoken. */
export function lineAt(lines: readonly Line[], ms: number): number {
  let found = -1;
  lines.forEach((line, index) => {
    if (line.kind === "said" && line.start_ms <= ms) found = index;
  });
  return found;
}
