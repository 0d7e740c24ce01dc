import { expect, test } from "vitest";
import {
  type Conversation,
  EMPTY,
  highlighted,
  type Line,
  MAX_LINES,
  withClear,
  withRecord,
  withText,
} from "./conversation";
import type { CallRecord } from "./protocol";

function said(text: string, turn: number, start: number): CallRecord {
  return { type: "agent_said", text, turn, start_ms: start, end_ms: start + 80 };
}

function shown(talk: Conversation): string[] {
  return talk.lines.map((line: Line) => {
    if (line.kind === "agent") return `agent: ${line.pieces.map((piece) => `${piece.state} ${piece.text}`).join("|")}`;
    return line.kind === "caller" ? `caller: ${line.text}` : line.kind;
  });
}

test("the agent's words come as they are sent, and count as heard when a record says so", () => {
  let talk = withText(withText(EMPTY, "We're"), " open.");
  expect(talk.coming).toBe("We're open.");
  talk = withRecord(talk, said("We're", 1, 0));
  expect(talk.coming).toBe(" open.");
  talk = withRecord(talk, said(" open.", 1, 80));
  expect(talk.coming).toBe("");
  expect(shown(talk)).toEqual(["agent: heard We're open."]);
});

test("lines stand in the order of the clock, not of their coming", () => {
  let talk = withRecord(EMPTY, said("One moment.", 1, 3000));
  talk = withRecord(talk, { type: "caller_said", text: "Hello?", start_ms: 1000, end_ms: 2000 });
  expect(shown(talk)).toEqual(["caller: Hello?", "agent: heard One moment."]);
});

test("what was taken back is shown as not heard, in its place", () => {
  let talk = withRecord(withText(EMPTY, "Take two ibuprofen"), said("Take two", 1, 0));
  talk = withClear(talk);
  talk = withRecord(talk, { type: "agent_unheard", text: " ibuprofen", turn: 1, at_ms: 90, reason: "gate" });
  expect(talk.coming).toBe("");
  expect(shown(talk)).toEqual(["agent: heard Take two|unheard  ibuprofen"]);
});

test("a verdict is a line of its own", () => {
  const verdict: CallRecord = {
    type: "verdict",
    phrase: "ibuprofen",
    topic: "medicine",
    speaker: "caller",
    action: "refuse",
    at_ms: 50,
    withheld: "",
    audible: false,
    begun: "",
    heard: "",
  };
  expect(withRecord(EMPTY, verdict).lines[0]).toMatchObject({
    kind: "verdict",
    phrase: "ibuprofen",
    speaker: "caller",
  });
});

test("records that a phone does not show change nothing", () => {
  expect(withRecord(EMPTY, { type: "summary", text: "…" } as unknown as CallRecord)).toBe(EMPTY);
});

test("keys of lines never repeat, and lines are bounded", () => {
  let talk = EMPTY;
  for (let at = 0; at < MAX_LINES + 10; at++) {
    talk = withRecord(talk, { type: "caller_said", text: "hm", start_ms: at, end_ms: at });
  }
  expect(talk.lines).toHaveLength(MAX_LINES);
  expect(new Set(talk.lines.map((line) => line.key)).size).toBe(MAX_LINES);
});

test("the gate's phrases are marked in what was said, as whole words", () => {
  expect(highlighted("Can I take Antibiotics now?", ["antibiotic*"])).toEqual([
    ["Can I take ", false],
    ["Antibiotics", true],
    [" now?", false],
  ]);
  expect(highlighted("An aspirins (sic) person", ["aspirin", "a (b"])).toEqual([["An aspirins (sic) person", false]]);
  expect(highlighted("pain  medication", ["pain medication", ""])).toEqual([["pain  medication", true]]);
  expect(highlighted("hello", [])).toEqual([["hello", false]]);
});
