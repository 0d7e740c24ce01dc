/**
 * What came over the network, on its way to the loudspeaker: a small buffer that grows where packets come unevenly,
 * shrinks in silence when they do not, and says what it did. Time is a count of samples at the rate of playback.
 *
 * The *slack* of a packet is how long it waits before it is played: by so much it could have come later. How far the
 * least slack of the last seconds lies below the middle one is the jitter, and the target is that with a margin.
 */

/** Bounds of the target in seconds. */
export const MIN_TARGET = 0.03;
export const MAX_TARGET = 0.3;
const FIRST_TARGET = 0.06;
const MARGIN = 0.01;

/** Never more than this waits, whatever comes: beyond it the oldest is dropped. */
export const MAX_HELD = 3;

/** The seconds by which the jitter is judged, and how many packets must have come before anything is skipped. */
const WINDOW = 8;
const ENOUGH = 8;

/** A longer gap is a broken line, and teaches nothing of its jitter. */
const BROKEN = 0.5;

/** Length of a fade. */
const FADE = 0.006;

/** Silence is skipped in pieces of this length, where no sample is louder than this. */
const SKIP = 0.01;
const QUIET = 0.004;

/** What the buffer has done so far, and how it stands; times in milliseconds. */
export interface JitterState {
  heldMs: number;
  targetMs: number;
  /** Middle slack of the last seconds: what the buffer adds to the delay. */
  delayMs: number;
  jitterMs: number;
  /** How often it ran empty while it played, and for how long in all. */
  underruns: number;
  emptyMs: number;
  /** What was too much. */
  droppedMs: number;
  /** Silence left out to lower the delay. */
  skippedMs: number;
}

interface Arrival {
  at: number;
  slack: number;
}

/** One stream's buffer. Owner: the playback worklet. */
export class JitterBuffer {
  private readonly held: Float32Array[] = [];
  private offset = 0;
  private samples = 0;
  private pushed = 0;
  private played = 0;
  private now = 0;
  private marks: { name: string; place: number }[] = [];
  private arrivals: Arrival[] = [];
  private target: number;
  private startAt = -1;
  private playing = false;
  private emptySince = -1;
  private readonly tail: Float32Array;
  private fadingIn = 0;
  private fadingOut = 0;
  private underruns = 0;
  private empty = 0;
  private dropped = 0;
  private skipped = 0;

  constructor(private readonly rate: number) {
    this.target = FIRST_TARGET * rate;
    this.tail = new Float32Array(Math.round(FADE * rate));
  }

  /** Take samples that have arrived; returns the marks of what had to be dropped. */
  push(samples: Float32Array): string[] {
    if (samples.length === 0) return [];
    this.noteArrival();
    this.held.push(samples);
    this.samples += samples.length;
    this.pushed += samples.length;
    const surplus = Math.ceil(this.samples - MAX_HELD * this.rate);
    if (surplus > 0) {
      this.take(surplus, null, 0);
      this.dropped += surplus;
      this.shift(-surplus);
    }
    return this.reached();
  }

  /** Remember a mark behind what has been pushed. It is returned at once where nothing waits before it. */
  mark(name: string): string[] {
    this.marks.push({ name, place: this.pushed });
    return this.reached();
  }

  /** Forget what waits, at once; returns the marks in it: whoever clears knows that they prove nothing. */
  clear(): string[] {
    this.held.length = 0;
    this.played += this.samples;
    this.samples = this.offset = 0;
    if (this.playing) this.fadingOut = this.tail.length;
    this.playing = false;
    this.startAt = this.emptySince = -1;
    this.arrivals = [];
    return this.reached();
  }

  /** Fill `out` with what is to be played now; returns the marks that it passes. */
  pull(out: Float32Array): string[] {
    out.fill(0);
    let at = 0;
    if (!this.playing && this.samples > 0 && this.now + out.length > this.startAt) {
      at = Math.max(0, this.startAt - this.now);
      this.playing = true;
      this.emptySince = -1;
      this.fadingIn = this.tail.length;
    }
    if (this.playing) at = this.play(out, at);
    if (!this.playing) this.fadeOut(out, at);
    this.now += out.length;
    return this.reached();
  }

  /** What it did, and how it stands. */
  get state(): JitterState {
    const ms = (samples: number) => (samples * 1000) / this.rate;
    const { middle, jitter } = this.slacks();
    return {
      heldMs: ms(this.samples),
      targetMs: ms(this.target),
      delayMs: ms(middle),
      jitterMs: ms(jitter),
      underruns: this.underruns,
      emptyMs: ms(this.empty),
      droppedMs: ms(this.dropped),
      skippedMs: ms(this.skipped),
    };
  }

  /** Note how early or late something came, and when it will be played. */
  private noteArrival(): void {
    if (this.playing && this.samples === 0) this.runDry(this.now);
    if (this.playing || this.samples > 0) {
      this.arrived(this.samples + Math.max(0, this.startAt - this.now));
      return;
    }
    const gap = this.emptySince < 0 ? 0 : this.now - this.emptySince;
    if (this.emptySince >= 0) {
      this.underruns++;
      this.empty += gap;
    }
    if (gap < BROKEN * this.rate) this.arrived(-gap);
    else this.arrivals = [];
    const wait = Math.round(this.target);
    this.startAt = this.now + wait;
    this.shift(gap + wait);
  }

  private arrived(slack: number): void {
    const old = this.now - WINDOW * this.rate;
    this.arrivals = this.arrivals.filter((arrival) => arrival.at > old);
    this.arrivals.push({ at: this.now, slack });
    if (this.arrivals.length === 1) return;
    const wanted = this.slacks().jitter + MARGIN * this.rate;
    this.target = Math.min(MAX_TARGET * this.rate, Math.max(MIN_TARGET * this.rate, wanted));
  }

  /** Everything is played so much later than it was, and had it come then as it did, would have had that much more. */
  private shift(by: number): void {
    for (const arrival of this.arrivals) arrival.slack += by;
  }

  private slacks(): { middle: number; jitter: number } {
    const sorted = this.arrivals.map((arrival) => arrival.slack).sort((a, b) => a - b);
    const least = sorted[0] ?? this.target;
    const middle = sorted[sorted.length >> 1] ?? this.target;
    return { middle, jitter: middle - least };
  }

  private play(out: Float32Array, from: number): number {
    this.shrink();
    const had = Math.min(this.samples, out.length - from);
    this.take(had, out, from);
    this.fadeIn(out, from, had);
    this.remember(out.subarray(from, from + had));
    if (from + had < out.length) this.runDry(this.now + from + had);
    return from + had;
  }

  private runDry(at: number): void {
    this.playing = false;
    this.emptySince = at;
    this.fadingOut = this.tail.length;
  }

  /** Skip a piece of silence while what comes waits longer than it has to. */
  private shrink(): void {
    if (this.arrivals.length < ENOUGH) return;
    const piece = Math.round(SKIP * this.rate);
    if (this.slacks().middle - piece < this.target || !this.isQuiet(piece)) return;
    this.take(piece, null, 0);
    this.skipped += piece;
    this.shift(-piece);
  }

  private isQuiet(length: number): boolean {
    if (this.samples < length) return false;
    let left = length;
    for (let chunk = 0, at = this.offset; left > 0; chunk++, at = 0) {
      const samples = this.held[chunk] as Float32Array;
      for (; at < samples.length && left > 0; at++, left--) if (Math.abs(samples[at] as number) > QUIET) return false;
    }
    return true;
  }

  /** Move `count` of the oldest samples to `out`, or away. */
  private take(count: number, out: Float32Array | null, at: number): void {
    let left = count;
    while (left > 0) {
      const first = this.held[0] as Float32Array;
      const part = first.subarray(this.offset, this.offset + left);
      out?.set(part, at + count - left);
      left -= part.length;
      this.offset += part.length;
      if (this.offset === first.length) {
        this.held.shift();
        this.offset = 0;
      }
    }
    this.samples -= count;
    this.played += count;
  }

  private fadeIn(out: Float32Array, at: number, count: number): void {
    const whole = this.tail.length;
    for (let place = at; this.fadingIn > 0 && place < at + count; place++, this.fadingIn--) {
      out[place] = (out[place] as number) * (1 - this.fadingIn / whole);
    }
  }

  /** What was heard last, backwards and fading: it goes on where the samples broke off, and does not click. */
  private fadeOut(out: Float32Array, at: number): void {
    const whole = this.tail.length;
    for (let place = at; this.fadingOut > 0 && place < out.length; place++, this.fadingOut--) {
      out[place] = (this.tail[this.fadingOut - 1] as number) * ((this.fadingOut - 1) / whole);
    }
  }

  private remember(heard: Float32Array): void {
    const tail = this.tail;
    if (heard.length >= tail.length) {
      tail.set(heard.subarray(heard.length - tail.length));
      return;
    }
    tail.copyWithin(0, heard.length);
    tail.set(heard, tail.length - heard.length);
  }

  private reached(): string[] {
    const names: string[] = [];
    while (this.marks.length > 0 && (this.marks[0] as { place: number }).place <= this.played) {
      names.push((this.marks.shift() as { name: string }).name);
    }
    return names;
  }
}
