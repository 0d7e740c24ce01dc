/** When somebody speaks, by loudness alone: for figures and meters, never to decide what is sent. */

/** A change, at a place of the stream in samples. `ended` names the end of the last loud block, not when it was noticed. */
export type Change = { kind: "began" | "ended"; at: number };

const BLOCK_SECONDS = 0.01;

/** Quiet for so long is the end of what was said, rather than a pause between two words. */
const HANG_SECONDS = 0.35;

/** So much of it must be loud, or it was a click. */
const ONSET_SECONDS = 0.03;

/** Nothing below this is speech, and anything this much above the noise is. */
const FLOOR_DBFS = -55;
const ABOVE_NOISE_DB = 12;

/** Noise is followed downwards at once, and upwards by so many dB a second: a steady fan is noise after some seconds. */
const NOISE_RISE_DB = 3;

/** Loudness of a block in dB below full scale; -100 for silence. */
export function dbfs(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length === 0 || sum === 0 ? -100 : Math.max(-100, 10 * Math.log10(sum / samples.length));
}

/** Follows one stream. */
export class Activity {
  /** Loudness of the last whole block. */
  level = -100;
  private readonly block: Float32Array;
  private filled = 0;
  private place = 0;
  private noise = -70;
  private speaking = false;
  private loudSince = -1;
  private lastLoud = -1;

  constructor(private readonly rate: number) {
    this.block = new Float32Array(Math.round(rate * BLOCK_SECONDS));
  }

  /** Take samples; tells what changed in them. */
  feed(samples: Float32Array): Change[] {
    const changes: Change[] = [];
    for (const sample of samples) {
      this.block[this.filled++] = sample;
      if (this.filled < this.block.length) continue;
      this.filled = 0;
      this.place += this.block.length;
      this.level = dbfs(this.block);
      const change = this.judge();
      if (change) changes.push(change);
    }
    return changes;
  }

  private judge(): Change | null {
    this.noise = Math.min(this.level, this.noise + NOISE_RISE_DB * BLOCK_SECONDS, FLOOR_DBFS + 25);
    this.noise = Math.max(this.noise, -90);
    const loud = this.level > Math.max(FLOOR_DBFS, this.noise + ABOVE_NOISE_DB);
    if (loud) {
      this.lastLoud = this.place;
      if (this.loudSince < 0) this.loudSince = this.place - this.block.length;
      if (!this.speaking && this.place - this.loudSince >= ONSET_SECONDS * this.rate) {
        this.speaking = true;
        return { kind: "began", at: this.loudSince };
      }
      return null;
    }
    if (!this.speaking) {
      this.loudSince = -1;
      return null;
    }
    if (this.place - this.lastLoud < HANG_SECONDS * this.rate) return null;
    this.speaking = false;
    this.loudSince = -1;
    return { kind: "ended", at: this.lastLoud };
  }
}
