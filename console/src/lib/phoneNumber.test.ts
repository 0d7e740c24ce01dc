import { expect, test } from "vitest";
import { isNumber, tidyNumber } from "./phoneNumber";

test("a number may be typed as it is written", () => {
  expect(tidyNumber("+1 (202) 555-0143")).toBe("+12025550143");
  expect(isNumber(tidyNumber("+34 912.345.678"))).toBe(true);
});

test("without a country code it is no number", () => {
  for (const typed of ["", "5550143", "+0123456789", "+12", "+1202555014399999"]) expect(isNumber(typed)).toBe(false);
});
