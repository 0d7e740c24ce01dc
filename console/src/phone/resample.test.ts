import { describe, expect, test } from "vitest";
import { Resampler } from "./resample";

function tone(hz: number, rate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, at) => 0.5 * Math.sin((2 * Math.PI * hz * at) / rate));
}

/** Level of a tone in dB against the one that went in, after the filter has settled. */
function gain(hz: number, from: number, to: number): number {
  const made = new Resampler(from, to).process(tone(hz, from, 0.5)).subarray(to / 10);
  const power = made.reduce((sum, sample) => sum + sample * sample, 0) / made.length;
  return 10 * Math.log10(power / 0.125);
}

describe.each([
  [24_000, 8_000],
  [8_000, 24_000],
  [48_000, 24_000],
  [44_100, 24_000],
  [24_000, 44_100],
  [16_000, 24_000],
])("from %i to %i Hz", (from, to) => {
  const nyquist = Math.min(from, to) / 2;

  test("as many samples come out as the rates say", () => {
    expect(new Resampler(from, to).process(new Float32Array(from))).toHaveLength(to);
  });

  test("the band of speech keeps its level", () => {
    for (const hz of [100, 1000, 0.84 * nyquist]) expect(Math.abs(gain(hz, from, to))).toBeLessThan(0.1);
  });

  test("chunks of any length give the same samples", () => {
    const whole = tone(440, from, 0.1);
    const wanted = new Resampler(from, to).process(whole);
    const resampler = new Resampler(from, to);
    const made: number[] = [];
    for (let at = 0, length = 1; at < whole.length; at += length, length = (length * 7 + 3) % 131) {
      made.push(...resampler.process(whole.subarray(at, at + length)));
    }
    expect(Float32Array.from(made)).toEqual(wanted);
  });
});

test("what the telephone cannot carry does not fold back into its band", () => {
  for (const hz of [4100, 5000, 7000, 11_000]) expect(gain(hz, 24_000, 8_000)).toBeLessThan(-65);
});

test("no image of the telephone's band sounds at 24 kHz", () => {
  const made = new Resampler(8_000, 24_000).process(tone(3000, 8_000, 0.5)).subarray(2400);
  const at = (hz: number) => {
    let [re, im] = [0, 0];
    for (const [n, sample] of made.entries()) {
      re += sample * Math.cos((2 * Math.PI * hz * n) / 24_000);
      im += sample * Math.sin((2 * Math.PI * hz * n) / 24_000);
    }
    return Math.hypot(re, im);
  };
  expect(20 * Math.log10(at(5000) / at(3000))).toBeLessThan(-60);
});

test("equal rates cost nothing", () => {
  const samples = tone(440, 24_000, 0.01);
  const resampler = new Resampler(24_000, 24_000);
  expect(resampler.process(samples)).toBe(samples);
  expect(resampler.delaySeconds).toBe(0);
});

test("the path of the telephone holds sound back by less than 5 ms each way", () => {
  expect(new Resampler(24_000, 8_000).delaySeconds).toBeLessThan(0.005);
});
