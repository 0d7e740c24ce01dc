/**
 * Streaming sample-rate conversion by a polyphase low-pass, for any two whole rates.
 *
 * The filter is a Kaiser-windowed sinc of linear phase: flat to 85 % of the lower Nyquist frequency, which is
 * 3.4 kHz for the telephone, and 70 dB down from that frequency on, so that nothing folds back into the band.
 */

/** Where the transition band begins, in units of the lower Nyquist frequency; it ends at 1. */
const PASS = 0.85;

/** Attenuation of the stop band in dB. */
const STOP_DB = 70;

/** Converts one stream; keeps its history between calls, so that chunks of any length give the same samples. */
export class Resampler {
  /** How long the filter holds a sample back. */
  readonly delaySeconds: number;
  private readonly up: number;
  private readonly down: number;
  private readonly taps: Float64Array;
  private readonly reach: number;
  private past: Float32Array;
  /** Place of the next output after the first sample of `past`, at `up` times the input's rate. */
  private next: number;

  constructor(from: number, to: number) {
    const shared = divisor(from, to);
    this.up = to / shared;
    this.down = from / shared;
    this.taps = lowPass(from, to, this.up);
    this.reach = Math.ceil(this.taps.length / this.up) - 1;
    this.past = new Float32Array(this.reach);
    this.next = this.reach * this.up;
    this.delaySeconds = from === to ? 0 : (this.taps.length - 1) / 2 / (from * this.up);
  }

  /** Convert samples; returns as many as are complete. */
  process(samples: Float32Array): Float32Array {
    if (this.up === this.down) return samples;
    const stream = new Float32Array(this.past.length + samples.length);
    stream.set(this.past);
    stream.set(samples, this.past.length);
    const end = stream.length * this.up;
    const made = new Float32Array(Math.max(0, Math.ceil((end - this.next) / this.down)));
    let place = this.next;
    for (let at = 0; at < made.length; at++, place += this.down) {
      let sum = 0;
      let input = Math.floor(place / this.up);
      for (let tap = place % this.up; tap < this.taps.length; tap += this.up, input--) {
        sum += (this.taps[tap] as number) * (stream[input] as number);
      }
      made[at] = sum;
    }
    const kept = Math.max(0, Math.min(stream.length, Math.floor(place / this.up) - this.reach));
    this.past = stream.slice(kept);
    this.next = place - kept * this.up;
    return made;
  }
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** The taps at `up` times the input's rate. Each of the `up` phases sums to one: a level stays what it is. */
function lowPass(from: number, to: number, up: number): Float64Array {
  const nyquist = Math.min(from, to) / 2;
  const rate = from * up;
  const transition = (2 * Math.PI * (1 - PASS) * nyquist) / rate;
  const order = 2 * Math.ceil((STOP_DB - 7.95) / (2.285 * transition) / 2); // Kaiser's estimate
  const cut = ((PASS + 1) / 2) * (nyquist / rate);
  const beta = 0.1102 * (STOP_DB - 8.7);
  const taps = Float64Array.from({ length: order + 1 }, (_, at) => {
    const x = at - order / 2;
    const sinc = x === 0 ? 2 * cut : Math.sin(2 * Math.PI * cut * x) / (Math.PI * x);
    return (sinc * bessel(beta * Math.sqrt(1 - (x / (order / 2)) ** 2))) / bessel(beta);
  });
  for (let phase = 0; phase < up; phase++) {
    let sum = 0;
    for (let at = phase; at < taps.length; at += up) sum += taps[at] as number;
    for (let at = phase; at < taps.length; at += up) taps[at] = (taps[at] as number) / sum;
  }
  return taps;
}

/** The modified Bessel function of the first kind and order 0, by its series. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
