import { expect, test } from "vitest";
import { href, parseRoute } from "./router";

test("an address is read as its view, the rest and the query", () => {
  const route = parseRoute("#/calls/3f9a?q=two%20words");
  expect(route.view).toBe("calls");
  expect(route.rest).toEqual(["3f9a"]);
  expect(route.query.get("q")).toBe("two words");
});

test("an empty address names no view", () => {
  expect(parseRoute("").view).toBe("");
  expect(parseRoute("#/").view).toBe("");
});

test("a name with any signs survives the way into an address and back", () => {
  const name = "a/b?c%d ñ#";
  expect(parseRoute(href(["personas", name])).rest).toEqual([name]);
});

test("a lone percent sign is taken as it stands", () => {
  expect(parseRoute("#/calls/%").rest).toEqual(["%"]);
});

test("empty query values are left out", () => {
  expect(href(["calls"], { q: "", persona: "dental" })).toBe("#/calls?persona=dental");
});
