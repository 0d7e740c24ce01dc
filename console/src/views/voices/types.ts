/** What `GET /v1/voices` says. */
export interface Voice {
  name: string;
  type: "custom" | "packaged";
  category: "custom" | "natural" | "varied";
  language: string | null;
  available: boolean;
  custom: boolean;
  personas: readonly string[];
}

export interface Voices {
  voices: readonly Voice[];
  engine: string;
  audition: "voice" | "engine" | "none";
  cannot_add: "packages" | "model" | null;
}

export interface MadeVoice {
  voice: Voice;
  seconds: number;
  loudness: number;
  advice: readonly string[];
}

export const MAX_LINE = 240;

/** Languages that the engines speak, and that a sample has a greeting in. */
export const LANGUAGES = ["en", "es", "de", "fr", "it"] as const;
export type Language = (typeof LANGUAGES)[number];
