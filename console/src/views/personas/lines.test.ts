import { expect, test } from "vitest";
import { compared, indentAt, lineAt, placeOf } from "./lines";

const TEXT = "name: a\nfacts:\n  - ask: [b]\n";

test("a line and a column are found in the text, and back", () => {
  expect(placeOf(TEXT, 3, 5)).toBe(TEXT.indexOf("ask"));
  expect(lineAt(TEXT, TEXT.indexOf("ask"))).toBe(3);
  expect(lineAt(TEXT, 0)).toBe(1);
  expect(lineAt(TEXT, TEXT.length)).toBe(4);
});

test("a place that the text does not have is the nearest one", () => {
  expect(placeOf(TEXT, 1, 99)).toBe(7);
  expect(placeOf(TEXT, 99, 1)).toBe(TEXT.length);
  expect(placeOf("", 0, 0)).toBe(0);
});

test("a new line begins as far in as the one before", () => {
  expect(indentAt(TEXT, TEXT.indexOf("ask"))).toBe("  ");
  expect(indentAt(TEXT, 3)).toBe("");
});

test("two versions are compared line by line", () => {
  expect(compared("a\nb\nc", "a\nx\nc\nd")).toEqual([
    { kind: "same", text: "a" },
    { kind: "theirs", text: "b" },
    { kind: "mine", text: "x" },
    { kind: "same", text: "c" },
    { kind: "mine", text: "d" },
  ]);
});

test("long runs of equal lines are left out", () => {
  const long = Array.from({ length: 20 }, (_, at) => `line ${at}`);
  const changed = long.with(10, "other");
  const kinds = compared(long.join("\n"), changed.join("\n")).map((line) =>
    line.kind === "skipped" ? line.count : line.kind,
  );
  expect(kinds).toEqual([8, "same", "same", "theirs", "mine", "same", "same", 7]);
});

test("equal texts have no difference", () => {
  expect(compared("a\nb", "a\nb")).toEqual([{ kind: "skipped", count: 2 }]);
});
