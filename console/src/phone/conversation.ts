/** What a call has said so far: its records, and the agent's words that were sent and have not been heard yet. */

import type { TranscriptRecord } from "../call/records";

export interface Talk {
  records: readonly TranscriptRecord[];
  coming: string;
}

export const NOTHING_SAID: Talk = { records: [], coming: "" };

/** More than a call of some hours has; beyond it the oldest go. */
export const MAX_RECORDS = 20_000;

/** The agent's words leave for us. */
export function withText(talk: Talk, text: string): Talk {
  return { ...talk, coming: talk.coming + text };
}

/** The words on their way were taken back; what of them was heard comes as a record. */
export function withClear(talk: Talk): Talk {
  return { ...talk, coming: "" };
}

/** A record of the call was written. Words that it tells of are no longer on their way. */
export function withRecord(talk: Talk, record: TranscriptRecord): Talk {
  const records = [...talk.records, record].slice(-MAX_RECORDS);
  const told = record.type === "agent_said" || record.type === "agent_unheard" ? record.text.trim() : "";
  const at = told ? talk.coming.indexOf(told) : -1;
  return { records, coming: at < 0 ? talk.coming : talk.coming.slice(at + told.length) };
}
