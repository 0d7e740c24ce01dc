import { expect, test } from "vitest";
import { packed, toInt16, unpacked } from "./pcm";

test("floats are clipped and not wrapped, and what is no number becomes silence", () => {
  expect([...toInt16(Float32Array.of(1.2, -1.2, 0.5, Number.NaN, -1))]).toEqual([32767, -32768, 16384, 0, -32768]);
});

test("16-bit samples are little-endian, whatever the machine is", () => {
  expect([...new Uint8Array(packed(Float32Array.of(1 / 32768, -1), "pcm24"))]).toEqual([1, 0, 0, 0x80]);
});

test.each(["pcm24", "ulaw8"] as const)("what is packed as %s comes out again", (format) => {
  const samples = Float32Array.of(0, 0.25, -0.5, 0.9);
  const again = unpacked(packed(samples, format), format);
  expect(again).toHaveLength(4);
  for (const [at, sample] of samples.entries()) expect(again[at]).toBeCloseTo(sample, 1);
});

test("half a sample at the end of a message is left out", () => {
  expect(unpacked(new ArrayBuffer(5), "pcm24")).toHaveLength(2);
});
