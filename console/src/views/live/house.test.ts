import { expect, test } from "vitest";
import { glimpse, loudness } from "./house";

test("what an agent says piece by piece runs on until the caller speaks", () => {
  let seen = glimpse(undefined, { type: "agent_said", text: " Good", turn: 1, start_ms: 0, end_ms: 1 });
  seen = glimpse(seen, { type: "agent_said", text: " day.", turn: 1, start_ms: 1, end_ms: 2 });
  expect(seen.text).toBe("Good day.");
  seen = glimpse(seen, { type: "caller_said", text: "Hello?", start_ms: 3, end_ms: 4 });
  expect(seen).toEqual({ speaker: "caller", text: "Hello?", verdicts: 0 });
});

test("verdicts are counted and leave the words alone", () => {
  const verdict = { type: "verdict", phrase: "x", topic: "y", speaker: "agent", action: "refuse", at_ms: 1 } as const;
  expect(glimpse({ speaker: "agent", text: "Well", verdicts: 1 }, verdict)).toEqual({
    speaker: "agent",
    text: "Well",
    verdicts: 2,
  });
});

test("a meter is empty at -60 dBFS and full at 0", () => {
  expect([loudness(-90), loudness(-60), loudness(-30), loudness(0), loudness(undefined)]).toEqual([0, 0, 0.5, 1, 0]);
});

test("of a long speech the latest words are shown, from the beginning of one", () => {
  let seen = glimpse(undefined, { type: "agent_said", text: " first", turn: 1, start_ms: 0, end_ms: 1 });
  for (let n = 0; n < 30; n++)
    seen = glimpse(seen, { type: "agent_said", text: ` word${n}`, turn: 1, start_ms: n, end_ms: n + 1 });
  expect(seen.text).toMatch(/^…word\d+ .* word29$/);
  expect(seen.text.length).toBeLessThanOrEqual(81);
});
