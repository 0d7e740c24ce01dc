import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decode, encode } from "./mulaw";

// tests/audio/test_mulaw.py holds this file against Python's own G.711.
const file = new URL("../../../tests/data/mulaw.json", import.meta.url);
const reference = JSON.parse(readFileSync(file, "utf8")) as { decoded: number[]; codes_from: [number, number][] };

test("encodes every sample as the reference does", () => {
  const every = Int16Array.from({ length: 65536 }, (_, at) => at - 32768);
  const wanted = new Uint8Array(65536);
  for (const [from, code] of reference.codes_from) wanted.fill(code, from + 32768);
  expect(encode(every)).toEqual(wanted);
});

test("decodes every code as the reference does", () => {
  const every = Uint8Array.from({ length: 256 }, (_, code) => code);
  expect([...decode(every)]).toEqual(reference.decoded);
});
