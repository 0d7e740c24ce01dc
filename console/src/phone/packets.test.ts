import { expect, test } from "vitest";
import { Packets } from "./packets";

test("20 ms of 24 kHz are 960 bytes, and of mu-law 160, however the browser cuts the stream", () => {
  for (const [format, bytes] of [
    ["pcm24", 960],
    ["ulaw8", 160],
  ] as const) {
    for (const rate of [24_000, 44_100, 48_000]) {
      const packets = new Packets(rate, format);
      const made = Array.from({ length: 100 }, () => packets.feed(new Float32Array(rate / 100))).flat();
      expect(made).toHaveLength(50);
      for (const packet of made) expect(packet.byteLength).toBe(bytes);
    }
  }
});

test("silence is silence in both formats", () => {
  expect([...new Uint8Array(new Packets(24_000, "ulaw8").feed(new Float32Array(480))[0] as ArrayBuffer)]).toEqual(
    new Array(160).fill(0xff),
  );
  expect([...new Uint8Array(new Packets(24_000, "pcm24").feed(new Float32Array(480))[0] as ArrayBuffer)]).toEqual(
    new Array(960).fill(0),
  );
});
