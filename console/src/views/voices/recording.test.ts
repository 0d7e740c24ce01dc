import { expect, test } from "vitest";
import { mixed, NAME, nameOf, wavOf } from "./recording";

test("a WAV file says what is in it, and clips what is too loud", async () => {
  const view = new DataView(await wavOf(new Float32Array([0, 1, -1, 2, -0.5]), 48_000).arrayBuffer());
  const text = (at: number) =>
    String.fromCharCode(...Array.from({ length: 4 }, (_, index) => view.getUint8(at + index)));
  expect([text(0), text(8), text(36)]).toEqual(["RIFF", "WAVE", "data"]);
  expect([view.getUint32(4, true), view.getUint32(24, true), view.getUint32(40, true)]).toEqual([46, 48_000, 10]);
  expect(Array.from({ length: 5 }, (_, index) => view.getInt16(44 + 2 * index, true))).toEqual([
    0, 32767, -32767, 32767, -16383,
  ]);
});

test("channels become their mean", () => {
  expect([...mixed([new Float32Array([1, 0.5]), new Float32Array([0, -0.5])])]).toEqual([0.5, 0]);
  expect([...mixed([])]).toEqual([]);
});

test("every file's name gives a name that a voice may have, or none", () => {
  expect(nameOf("Ann's voice (2).wav")).toBe("Ann-s-voice-2");
  expect(nameOf("José Núñez.mp3")).toBe("Jose-Nunez");
  for (const name of ["-x.wav", "__.wav", "ñ.wav", `${"a".repeat(80)}.wav`, "a.b.c"])
    if (nameOf(name)) expect(nameOf(name)).toMatch(NAME);
});
