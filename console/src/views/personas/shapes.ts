/** What the API says of personas, as far as the console shows it. */

/** One thing to change; line and column count from 1. */
export interface Problem {
  line: number;
  column: number;
  where: string;
  what: string;
  hint: string;
}

export interface Cost {
  tokens: number;
  exact: boolean;
  frames: number;
  seconds: number;
  advised_frames: number;
  window_frames: number;
  share: number;
}

export interface PersonaSummary {
  name: string;
  business: string | null;
  agent_name: string | null;
  language: string | null;
  voice: string | null;
  numbers: string[];
  on_duty: boolean;
  current: boolean;
  engine_problem: string | null;
  problems: Problem[];
  warnings: Problem[];
  blocked: string[];
  updated_at: string | null;
}

export interface PersonaDetail extends PersonaSummary {
  yaml: string;
  etag: string;
}

/** What `POST /v1/personas/check` answers. */
export interface Checked {
  ok: boolean;
  problems: Problem[];
  warnings: Problem[];
  prompt: string | null;
  llm_prompt: string | null;
  cost: Cost | null;
}

/** What `POST /v1/gate/try` answers: pieces of the text up to the one that is refused. */
export interface Tried {
  blocked: boolean;
  pieces: { piece: string; action: "pass" | "forbid" | "refuse"; phrase: string | null }[];
  heard: string;
  phrase: string | null;
  topic: string | null;
  refusal: string;
}
