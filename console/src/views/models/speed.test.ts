import { expect, test } from "vitest";
import { Speed } from "./speed";

test("the speed is that of the last ten seconds", () => {
  const speed = new Speed();
  expect(speed.see(0, 0)).toBe(0);
  expect(speed.see(500, 500)).toBe(0); // too early to tell
  for (let second = 1; second <= 10; second++) speed.see(second * 1000, second * 1000);
  expect(speed.see(20_000, 30_000)).toBe(2000);
});

test("a file that begins anew has no negative speed", () => {
  const speed = new Speed();
  speed.see(0, 5000);
  expect(speed.see(2000, 0)).toBe(0);
  expect(speed.see(4000, 2000)).toBe(1000);
});
