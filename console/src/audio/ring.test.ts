import { expect, test } from "vitest";
import { StereoRing } from "./ring";

const stereo = (...pairs: [number, number][]) => Int16Array.from(pairs.flat());
const pulled = (ring: StereoRing, count: number) => {
  const left = new Float32Array(count);
  const right = new Float32Array(count);
  ring.pull(left, right);
  return [[...left], [...right]];
};

test("left stays left and right stays right", () => {
  const ring = new StereoRing(8, 1);
  ring.push(stereo([16384, -16384], [0, 8192]));
  expect(pulled(ring, 2)).toEqual([
    [0.5, 0],
    [-0.5, 0.25],
  ]);
});

test("nothing is played until enough is there, and again after a gap", () => {
  const ring = new StereoRing(8, 2);
  ring.push(stereo([16384, 0]));
  expect(pulled(ring, 1)).toEqual([[0], [0]]);
  ring.push(stereo([16384, 0]));
  expect(pulled(ring, 3)[0]).toEqual([0.5, 0.5, 0]);
  ring.push(stereo([16384, 0]));
  expect(pulled(ring, 1)[0]).toEqual([0]);
});

test("the oldest samples go where there are too many, and are counted", () => {
  const ring = new StereoRing(2, 1);
  ring.push(stereo([1 << 12, 0], [1 << 13, 0], [1 << 14, 0]));
  expect(ring.dropped).toBe(1);
  expect(pulled(ring, 2)[0]).toEqual([0.25, 0.5]);
});
