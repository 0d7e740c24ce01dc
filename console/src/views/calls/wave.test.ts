import { expect, test } from "vitest";
import { wavePath } from "./wave";

test("the outline goes along the top and back along the bottom", () => {
  expect(
    wavePath([
      [-0.5, 1],
      [-1, 0.25],
    ]),
  ).toBe("M0 -96L1 -24L1 96L0 48Z");
});

test("silence is a hair's breadth, and noise of a silent line is not blown up", () => {
  expect(wavePath([[0, 0]])).toBe("M0 -1L0 1Z");
  expect(wavePath([[-0.0002, 0.0002]])).toBe("M0 -1L0 1Z");
});

test("no points are no outline", () => {
  expect(wavePath([])).toBe("");
});
