import { expect, test } from "vitest";
import { bytes, clock } from "./format";

test("a time is shown as a clock shows it", () => {
  expect(clock(0)).toBe("0:00");
  expect(clock(75.9)).toBe("1:15");
  expect(clock(3671)).toBe("1:01:11");
  expect(clock(-1)).toBe("0:00");
});

test("sizes are told in powers of a thousand", () => {
  expect(bytes(999)).toBe("999 B");
  expect(bytes(1500)).toBe("1.5 kB");
  expect(bytes(17_200_000_000)).toBe("17 GB");
});
