import { expect, test } from "vitest";
import type { TranscriptRecord } from "../call/records";
import { MAX_RECORDS, NOTHING_SAID, withClear, withRecord, withText } from "./conversation";

function said(text: string): TranscriptRecord {
  return { type: "agent_said", text, turn: 1, start_ms: 0, end_ms: 80 };
}

test("the agent's words come as they are sent, until a record tells that they were heard", () => {
  let talk = withText(withText(NOTHING_SAID, " We're"), " open.");
  expect(talk.coming).toBe(" We're open.");
  talk = withRecord(talk, said(" We're"));
  expect(talk.coming).toBe(" open.");
  talk = withRecord(talk, said(" open."));
  expect(talk.coming).toBe("");
  expect(talk.records).toHaveLength(2);
});

test("words of which no record came are passed with those behind them", () => {
  expect(withRecord(withText(NOTHING_SAID, " one two three"), said(" two")).coming).toBe(" three");
});

test("words that were taken back are no longer on their way", () => {
  const talk = withText(NOTHING_SAID, " Take two ibuprofen");
  expect(withClear(talk).coming).toBe("");
  const unheard: TranscriptRecord = { type: "agent_unheard", text: " Take", turn: 1, at_ms: 0, reason: "gate" };
  expect(withRecord(talk, unheard).coming).toBe(" two ibuprofen");
});

test("records are bounded: the oldest go", () => {
  const talk = { records: new Array<TranscriptRecord>(MAX_RECORDS).fill(said(" a")), coming: "" };
  const next = withRecord(talk, said(" b"));
  expect(next.records).toHaveLength(MAX_RECORDS);
  expect(next.records.at(-1)).toEqual(said(" b"));
});
