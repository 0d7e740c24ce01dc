import type { Texts } from "../i18n";
import type { VerdictRecord } from "./records";

/** The topic of what is none of the allowed ones (`bridge/persona/schema.py`). Its phrase is a reason, and no words. */
export const OFF_TOPIC = "off topic";

/** What a verdict was about, in a sentence. */
export function verdictText(t: Texts["calls"], verdict: VerdictRecord): string {
  if (verdict.topic === OFF_TOPIC) return t.offTopic(verdict.speaker);
  return t.verdict(verdict.topic, verdict.phrase, verdict.speaker);
}
