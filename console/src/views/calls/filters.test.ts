import { expect, test } from "vitest";
import { asked, filtersOf, isNarrowed } from "./filters";

test("filters are read from the address, and nothing else is", () => {
  const filters = filtersOf(new URLSearchParams("q=tooth&verdicts=1&x=y"));
  expect(filters).toEqual({ q: "tooth", persona: "", ended: "", since: "", until: "", verdicts: "1" });
  expect(isNarrowed(filters)).toBe(true);
  expect(isNarrowed(filtersOf(new URLSearchParams("x=y")))).toBe(false);
});

test("days are asked for as moments, the last one to its end", () => {
  const query = asked(filtersOf(new URLSearchParams("since=2026-01-31&until=2026-01-31")));
  const since = new Date(String(query.since));
  const until = new Date(String(query.until));
  expect([since.getFullYear(), since.getMonth(), since.getDate(), since.getHours()]).toEqual([2026, 0, 31, 0]);
  expect([until.getMonth(), until.getDate(), until.getHours()]).toEqual([1, 1, 0]);
});

test("half a day typed is no day", () => {
  expect(asked(filtersOf(new URLSearchParams("since=2026-"))).since).toBeUndefined();
});
