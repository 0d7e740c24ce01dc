import { expect, test } from "vitest";
import { conversation, lineAt } from "./conversation";
import { parseRecords, type TranscriptRecord } from "./records";

const agent = (text: string, turn: number, start_ms: number, end_ms: number): TranscriptRecord => ({
  type: "agent_said",
  text,
  turn,
  start_ms,
  end_ms,
});
const caller = (text: string, start_ms: number, end_ms: number): TranscriptRecord => ({
  type: "caller_said",
  text,
  start_ms,
  end_ms,
});
const words = (records: TranscriptRecord[]) =>
  conversation(records).map((line) => (line.kind === "said" || line.kind === "unheard" ? line.text : line.kind));

test("pieces of one turn are one line, and lines stand in the order of the clock", () => {
  const records = [agent(" Hello", 1, 0, 400), agent(" there.", 1, 400, 900), agent(" Yes.", 2, 3000, 3300)];
  expect(words([...records, caller("Are you open?", 1500, 2600)])).toEqual(["Hello there.", "Are you open?", "Yes."]);
});

test("an engine that counts no turns is parted by silence and by the caller", () => {
  const records = [agent(" One", 0, 0, 300), agent(" two", 0, 400, 700), agent(" three", 0, 2000, 2300)];
  expect(words(records)).toEqual(["One two", "three"]);
  const around = [agent(" One", 0, 0, 300), agent(" two", 0, 900, 1200), caller("Hm", 350, 800)];
  expect(words(around)).toEqual(["One", "Hm", "two"]);
});

test("words that were taken back are one line of their own, behind the verdict that took them", () => {
  const records: TranscriptRecord[] = [
    { type: "agent_unheard", text: " take", turn: 2, at_ms: 500, reason: "gate" },
    { type: "agent_unheard", text: " some", turn: 2, at_ms: 500, reason: "gate" },
    { type: "verdict", phrase: "ibuprofen", topic: "medicine", speaker: "agent", action: "refuse", at_ms: 500 },
  ];
  expect(words(records)).toEqual(["verdict", "take some"]);
});

test("the end comes last, and what the carrier tells later is no part of the conversation", () => {
  const records: TranscriptRecord[] = [
    { type: "ended", how: "caller_hung_up", reason: "", ended_at: "", seconds: 4 },
    { type: "carrier", what: "completed", told_at: "" },
    agent(" Goodbye.", 1, 3000, 5000),
  ];
  expect(words(records)).toEqual(["Goodbye.", "note"]);
});

test("the line being spoken is the last that has begun", () => {
  const lines = conversation([agent(" Hello.", 1, 100, 900), caller("Hi.", 1500, 2000)]);
  expect(lineAt(lines, 50)).toBe(-1);
  expect(lineAt(lines, 1000)).toBe(0);
  expect(lineAt(lines, 1500)).toBe(1);
});

test("an unfinished last line of a file is passed over", () => {
  expect(parseRecords('{"type":"summary","text":"x"}\n{"type":"agen')).toEqual([{ type: "summary", text: "x" }]);
});
