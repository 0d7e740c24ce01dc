/** The figures of a call's delay. All moments are milliseconds of one clock, that of the audio context. */

import type { Change } from "./activity";

/** How many answers and round trips are remembered. */
const REMEMBERED = 32;

/** An answer that takes longer is none: nobody asked. */
const LONGEST_ANSWER_MS = 10_000;

/**
 * Times answers: from the last loud moment of the caller to the first of the agent. An agent who begins while the caller
 * still speaks has not answered, and of several things that the caller says only the last counts.
 */
export class AnswerClock {
  /** The answers so far in milliseconds, oldest first. */
  readonly answers: number[] = [];
  private callerSpeaks = false;
  private callerEnded: number | null = null;
  private agentBegan: number | null = null;

  /** Take a change of the caller's activity, its place in milliseconds. */
  caller(change: Change): void {
    if (change.kind === "began") {
      this.callerSpeaks = true;
      this.callerEnded = this.agentBegan = null;
      return;
    }
    this.callerSpeaks = false;
    this.callerEnded = change.at;
    this.settle(); // an answer may have begun before the end of the caller's words was certain
  }

  /** Take a change of the agent's activity. */
  agent(change: Change): void {
    if (change.kind === "ended") {
      if (!this.callerSpeaks) this.agentBegan = null;
      return;
    }
    this.agentBegan = change.at;
    if (!this.callerSpeaks) this.settle();
  }

  private settle(): void {
    if (this.callerEnded === null || this.agentBegan === null) return;
    const took = this.agentBegan - this.callerEnded;
    this.callerEnded = this.agentBegan = null;
    if (took < 0 || took > LONGEST_ANSWER_MS) return;
    this.answers.push(took);
    if (this.answers.length > REMEMBERED) this.answers.shift();
  }
}

/** Round trips of the last pings. */
export class RoundTrips {
  private readonly trips: number[] = [];

  /** Note one, in milliseconds. */
  add(tripMs: number): void {
    this.trips.push(tripMs);
    if (this.trips.length > REMEMBERED) this.trips.shift();
  }

  /** The middle one; null before the first. */
  get middleMs(): number | null {
    return median(this.trips);
  }
}

/** The middle of some numbers; null of none. */
export function median(numbers: readonly number[]): number | null {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted.length === 0 ? null : (sorted[(sorted.length - 1) >> 1] as number);
}

/** What a way through the air, the machine, the network and the frames consists of; milliseconds. */
export interface Path {
  /** The browser's and the device's own buffers, as far as the browser knows them. */
  inputMs: number;
  outputMs: number;
  roundTripMs: number;
  bufferMs: number;
  /** What the filters of the chosen path hold back, each way. */
  filterMs: number;
}

/** Samples leave in packets of this length. */
export const PACKET_MS = 20;

/** The engine hears whole frames (80 ms), so that a sample waits half of one in the middle. */
const FRAME_WAIT_MS = 40;

/** From your mouth to the agent's ear, and from its mouth to yours. */
export function mouthToEar(path: Path): { thereMs: number; backMs: number } {
  return {
    thereMs: path.inputMs + path.filterMs + PACKET_MS / 2 + path.roundTripMs / 2 + FRAME_WAIT_MS,
    backMs: path.roundTripMs / 2 + path.bufferMs + path.filterMs + path.outputMs,
  };
}
