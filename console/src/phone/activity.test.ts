import { expect, test } from "vitest";
import { Activity, type Change, dbfs } from "./activity";

const RATE = 24_000;

function sound(seconds: number, amplitude: number): Float32Array {
  return Float32Array.from({ length: Math.round(RATE * seconds) }, (_, at) => amplitude * Math.sin(at * 0.3));
}

function heard(...parts: Float32Array[]): Change[] {
  const activity = new Activity(RATE);
  return parts.flatMap((part) => activity.feed(part));
}

test("speech is told from its first loud moment to its last", () => {
  const changes = heard(sound(1, 0), sound(0.5, 0.1), sound(1, 0));
  expect(changes.map((change) => change.kind)).toEqual(["began", "ended"]);
  expect(changes[0]?.at).toBe(RATE);
  expect(changes[1]?.at).toBe(1.5 * RATE);
});

test("a pause between two words is no end", () => {
  expect(heard(sound(0.5, 0), sound(0.3, 0.1), sound(0.25, 0), sound(0.3, 0.1), sound(1, 0))).toHaveLength(2);
});

test("a click is no speech", () => {
  expect(heard(sound(0.5, 0), sound(0.02, 0.5), sound(0.5, 0))).toEqual([]);
});

test("a steady fan becomes noise, above which speech is still told", () => {
  const changes = heard(sound(15, 0.01), sound(0.5, 0.2), sound(1, 0.01));
  const speech = changes.filter((change) => change.at >= 15 * RATE);
  expect(speech.map((change) => change.kind)).toEqual(["began", "ended"]);
});

test("silence has a level, and full scale is 0 dB", () => {
  expect(dbfs(new Float32Array(10))).toBe(-100);
  expect(dbfs(new Float32Array(0))).toBe(-100);
  expect(dbfs(new Float32Array(10).fill(1))).toBe(0);
});
