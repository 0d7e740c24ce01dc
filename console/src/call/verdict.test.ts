import { expect, test } from "vitest";
import { calls } from "../i18n/en/calls";
import { OFF_TOPIC, verdictText } from "./verdict";

const verdict = { type: "verdict", speaker: "caller", action: "refuse", at_ms: 0 } as const;

test("a verdict names its topic and the phrase that it met", () => {
  const text = verdictText(calls, { ...verdict, topic: "medicine", phrase: "ibuprofen" });
  expect(text).toBe("Topic “medicine”, phrase “ibuprofen”, in the caller’s question");
});

test("what is none of the allowed topics has no phrase to be shown", () => {
  const text = verdictText(calls, { ...verdict, topic: OFF_TOPIC, phrase: "nothing allowed is near (0.1 < 0.2)" });
  expect(text).toBe("None of the allowed topics, in the caller’s question");
});
