import { expect, test } from "vitest";
import { figures, highest, path, roundUp, thinned } from "./plot";

test("a scale ends at a round number that is not below the greatest value", () => {
  expect([0.035, 0.9, 1, 4, 7, 80, 101, 230, 2500].map(roundUp)).toEqual([0.04, 1, 1, 4, 8, 80, 150, 250, 2500]);
  expect(roundUp(0)).toBe(1);
});

test("no peak is lost where there are more values than columns", () => {
  const times = Array.from({ length: 100 }, (_, index) => index);
  const values = times.map((time) => (time === 37 ? 500 : 1));
  const kept = thinned(times, values, 0, 100, 10);
  expect(kept).toHaveLength(10);
  expect(highest([kept])).toBe(500);
  expect(kept[3]).toBe(500);
});

test("values outside the time shown are left out, and empty columns stay empty", () => {
  expect(thinned([0, 5, 10, 15], [1, 2, null, 4], 4, 12, 4)).toEqual([2, null, null, null]);
});

test("a line crosses small gaps, breaks at large ones, and shows a point by itself", () => {
  expect(path([0, null, 10], 10, 30, 10, 1)).toBe("M5.0 10.0L5.0 10.0L25.0 0.0");
  expect(path([0, null, 10], 10, 30, 10, 0)).toBe("M5.0 10.0L5.0 10.0M25.0 0.0L25.0 0.0");
  expect(path([null, 99, null], 10, 30, 10, 0)).toBe("M15.0 0.0L15.0 0.0"); // above the scale it stays at its top
  expect(path([], 10, 30, 10, 0)).toBe("");
});

test("a line in four figures; nothing measured is null", () => {
  expect(figures([1, null, 3, 2, null])).toEqual({ now: 2, low: 1, high: 3, mean: 2 });
  expect(figures([null])).toEqual({ now: null, low: null, high: null, mean: null });
});
