/** Stereo samples between a socket and the loudspeaker: bounded; the oldest go where there are too many. */
export class StereoRing {
  readonly #left: Float32Array;
  readonly #right: Float32Array;
  #start = 0;
  #held = 0;
  #flowing = false;
  /** Samples that were thrown away because too many had gathered. */
  dropped = 0;

  /** `capacity` samples are held at most; playing begins, also after a gap, once there are `ahead`. */
  constructor(
    readonly capacity: number,
    readonly ahead: number,
  ) {
    this.#left = new Float32Array(capacity);
    this.#right = new Float32Array(capacity);
  }

  get held(): number {
    return this.#held;
  }

  /** Put in interleaved 16-bit samples. */
  push(pcm: Int16Array): void {
    for (let at = 0; at + 1 < pcm.length; at += 2) {
      if (this.#held === this.capacity) {
        this.#start = (this.#start + 1) % this.capacity;
        this.#held -= 1;
        this.dropped += 1;
      }
      const place = (this.#start + this.#held) % this.capacity;
      this.#left[place] = (pcm[at] ?? 0) / 32768;
      this.#right[place] = (pcm[at + 1] ?? 0) / 32768;
      this.#held += 1;
    }
    if (this.#held >= this.ahead) this.#flowing = true;
  }

  /** Fill both with the next samples, or with silence while too few are there. */
  pull(left: Float32Array, right: Float32Array): void {
    const count = this.#flowing ? Math.min(left.length, this.#held) : 0;
    for (let at = 0; at < count; at++) {
      const place = (this.#start + at) % this.capacity;
      left[at] = this.#left[place] ?? 0;
      right[at] = this.#right[place] ?? 0;
    }
    left.fill(0, count);
    right.fill(0, count);
    this.#start = (this.#start + count) % this.capacity;
    this.#held -= count;
    if (count < left.length) this.#flowing = false;
  }
}
