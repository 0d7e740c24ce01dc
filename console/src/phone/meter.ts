/** What is told of a stream that passes through a worklet: when somebody speaks, and how loud it is. */

import { Activity, type Change } from "./activity";

/** Levels are held for this many seconds, so that a short word is seen. */
const PERIOD_SECONDS = 0.1;

/** Follows a stream whose first sample is number `start` of the audio context's clock. */
export class Meter {
  private readonly activity: Activity;
  private loudest = -100;
  private left: number;

  constructor(
    private readonly rate: number,
    private readonly start: number,
  ) {
    this.activity = new Activity(rate);
    this.left = rate * PERIOD_SECONDS;
  }

  /** Take samples. `changes` have their place in milliseconds; `level` is there at the end of each period. */
  feed(samples: Float32Array): { changes: Change[]; level: number | null } {
    const changes = this.activity.feed(samples).map(({ kind, at }) => ({ kind, at: this.ms(at) }));
    this.loudest = Math.max(this.loudest, this.activity.level);
    this.left -= samples.length;
    if (this.left > 0) return { changes, level: null };
    const level = this.loudest;
    this.left += this.rate * PERIOD_SECONDS;
    this.loudest = this.activity.level;
    return { changes, level };
  }

  private ms(at: number): number {
    return ((this.start + at) * 1000) / this.rate;
  }
}
