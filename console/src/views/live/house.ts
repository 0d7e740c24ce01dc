import { ApiError } from "../../api/errors";
import { followEvents, type StreamState } from "../../api/sse";
import type { TranscriptRecord, VerdictRecord } from "../../call/records";
import { store } from "../../lib/store";

/** A call that goes on, as `/v1/events` tells of it. */
export interface LiveCall {
  call_id: string;
  persona: string;
  business: string;
  from: string;
  to: string;
  direction: "inbound" | "outbound";
  carrier: string;
  started_at: string;
  seconds: number;
  recorded: boolean;
  listenable: boolean;
}

/** A caller on hold. */
export interface Waiting {
  call_id: string;
  persona: string;
  from: string;
  place: number;
  seconds: number;
}

export interface HouseState {
  calls: LiveCall[];
  waiting: Waiting[];
  capacity: number;
  free: number;
  engine: string;
  engine_state: string;
}

/** What is known of a call beside its state: its latest words, and what the gate stopped. */
export interface Glimpse {
  speaker: "caller" | "agent";
  text: string;
  verdicts: number;
}

export interface House {
  link: StreamState;
  message: string;
  state: HouseState | null;
  /** When `state` came, by this page's clock: its seconds are counted on from there. */
  at: number;
  glimpses: Readonly<Record<string, Glimpse>>;
}

export type Levels = Readonly<Record<string, readonly [caller: number, agent: number]>>;

const NOTHING: Glimpse = { speaker: "agent", text: "", verdicts: 0 };
/** Two lines of a card. */
const MOST_LETTERS = 80;

const UNKNOWN: House = { link: "connecting", message: "", state: null, at: 0, glimpses: {} };

/** The whole house, while the view is open. */
export const house = store<House>(UNKNOWN);
/** The loudness of both sides in dBFS; five times a second, so apart from the rest. */
export const levels = store<Levels>({});
/** The latest verdict, for whoever wants to say it. */
export const lastVerdict = store<{ call_id: string; verdict: VerdictRecord } | null>(null);

/** Follow the house until `signal`. */
export function watchHouse(signal: AbortSignal): void {
  house.set(UNKNOWN); // what was known when the view was left is old
  lastVerdict.set(null);
  void followEvents(
    "v1/events",
    ({ event, data }) => take(event, data),
    (link, error) => house.set((now) => ({ ...now, link, message: error instanceof ApiError ? error.message : "" })),
    signal,
  );
}

function take(event: string, data: string): void {
  const value: unknown = JSON.parse(data);
  if (event === "state") arrived(value as HouseState);
  else if (event === "levels") levels.set((value as { levels: Levels }).levels);
  else if (event === "record") {
    const { call_id, record } = value as { call_id: string; record: TranscriptRecord };
    if (record.type === "verdict") lastVerdict.set({ call_id, verdict: record });
    house.set((now) => ({ ...now, glimpses: { ...now.glimpses, [call_id]: glimpse(now.glimpses[call_id], record) } }));
  }
}

/** A new state; what is known of calls that are over is forgotten. */
function arrived(state: HouseState): void {
  const there = new Set(state.calls.map((call) => call.call_id));
  house.set((now) => ({
    ...now,
    state,
    at: performance.now(),
    glimpses: Object.fromEntries(Object.entries(now.glimpses).filter(([id]) => there.has(id))),
  }));
}

/** What is known of a call once `record` is; words of one speaker run on until the other speaks. */
export function glimpse(before: Glimpse | undefined, record: TranscriptRecord): Glimpse {
  const known = before ?? NOTHING;
  if (record.type === "verdict") return { ...known, verdicts: known.verdicts + 1 };
  if (record.type !== "caller_said" && record.type !== "agent_said") return known;
  const speaker = record.type === "caller_said" ? "caller" : "agent";
  const text =
    known.speaker === speaker ? `${known.text}${speaker === "caller" ? " " : ""}${record.text}` : record.text;
  return { ...known, speaker, text: latest(text.trimStart()) };
}

/** The end of what was said, from the beginning of a word. */
function latest(text: string): string {
  if (text.length <= MOST_LETTERS) return text;
  const end = text.slice(-MOST_LETTERS);
  return `…${end.slice(end.indexOf(" ") + 1)}`;
}

/** dBFS as a share of a meter's length: -60 is nothing, 0 everything. */
export function loudness(dbfs: number | undefined): number {
  if (dbfs === undefined || !Number.isFinite(dbfs)) return 0;
  return Math.min(1, Math.max(0, 1 + dbfs / 60));
}
