import { expect, test } from "vitest";
import { backoffMs, EventParser } from "./sse";

const STREAM = 'event: state\ndata: {"calls":[]}\n\n: a comment\n\nid: 7\ndata: one\ndata: two\n\n';
const EVENTS = [
  { event: "state", data: '{"calls":[]}', id: "" },
  { event: "message", data: "one\ntwo", id: "7" },
];

test("events are the same in whatever pieces their text comes", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.push(STREAM.slice(at, at + size)));
    expect(events).toEqual(EVENTS);
  }
});

test("all three line ends are understood, also when cut in two", () => {
  for (const end of ["\r\n", "\r", "\n"]) {
    const parser = new EventParser();
    const text = `data: x${end}${end}data: y${end}${end}data: z${end}`;
    const events = [...text].flatMap((letter) => parser.push(letter));
    expect(events.map((event) => event.data)).toEqual(["x", "y"]);
  }
});

test("an event without data is none", () => {
  expect(new EventParser().push("event: state\n\n")).toEqual([]);
});

test("the wait before another try grows to twenty seconds and no further", () => {
  expect(backoffMs(1, 1)).toBe(500);
  expect(backoffMs(3, 1)).toBe(2000);
  expect(backoffMs(99, 1)).toBe(20_000);
  expect(backoffMs(99, 0)).toBe(10_000);
});
