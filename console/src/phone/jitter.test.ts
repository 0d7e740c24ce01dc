import { expect, test } from "vitest";
import { JitterBuffer, MAX_HELD, MAX_TARGET, MIN_TARGET } from "./jitter";

const RATE = 24_000;
const MS = RATE / 1000;
const BLOCK = 128;

function chunk(ms: number, value = 0.5): Float32Array {
  return new Float32Array(ms * MS).fill(value);
}

/** Play for so long; what was heard, and the marks that came back. */
function play(buffer: JitterBuffer, ms: number): { heard: Float32Array; marks: string[] } {
  const blocks = Math.round((ms * MS) / BLOCK);
  const heard = new Float32Array(blocks * BLOCK);
  const marks: string[] = [];
  for (let at = 0; at < blocks; at++) marks.push(...buffer.pull(heard.subarray(at * BLOCK, (at + 1) * BLOCK)));
  return { heard, marks };
}

/** A stream of 80 ms frames, each so many ms after its time. 16 ms are three blocks. */
function stream(buffer: JitterBuffer, lateness: readonly number[], value = 0.5): void {
  const due = lateness.map((late, at) => at * 80 + late);
  for (let now = 0; now < lateness.length * 80; now += 16) {
    for (const at of due) if (at >= now && at < now + 16) buffer.push(chunk(80, value));
    play(buffer, 16);
  }
}

test("playback begins once the target has passed, and not before", () => {
  const buffer = new JitterBuffer(RATE);
  const wait = buffer.state.targetMs;
  buffer.push(chunk(200));
  expect(play(buffer, wait - 10).heard.every((sample) => sample === 0)).toBe(true);
  expect(play(buffer, 40).heard.some((sample) => sample === 0.5)).toBe(true);
});

test("every sample is played once, in order", () => {
  const buffer = new JitterBuffer(RATE);
  const ramp = Float32Array.from({ length: 300 * MS }, (_, at) => 0.1 + at * 1e-4);
  for (let at = 0; at < ramp.length; at += 1000) buffer.push(ramp.subarray(at, at + 1000));
  const { heard } = play(buffer, 500);
  const from = heard.findIndex((sample) => sample > 0) + 10 * MS; // behind the fade
  const wanted = ramp.subarray(ramp.indexOf(heard[from] as number));
  expect(heard.subarray(from, from + 250 * MS)).toEqual(wanted.subarray(0, 250 * MS));
});

test("a mark comes back when what was sent before it has been played, and not earlier", () => {
  const buffer = new JitterBuffer(RATE);
  const wait = buffer.state.targetMs;
  buffer.push(chunk(100));
  expect(buffer.mark("a")).toEqual([]);
  buffer.push(chunk(100));
  expect(buffer.mark("b")).toEqual([]);
  expect(play(buffer, wait + 90).marks).toEqual([]);
  expect(play(buffer, 30).marks).toEqual(["a"]);
  expect(play(buffer, 100).marks).toEqual(["b"]);
});

test("a mark behind nothing comes back at once", () => {
  expect(new JitterBuffer(RATE).mark("a")).toEqual(["a"]);
});

test("clear is obeyed with the next block: a fade of 6 ms, and its marks come back", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.push(chunk(500));
  buffer.mark("a");
  play(buffer, 200);
  expect(buffer.clear()).toEqual(["a"]);
  const { heard } = play(buffer, 100);
  expect(Math.abs(heard[0] as number)).toBeGreaterThan(0.4); // it goes on where it was, so that nothing clicks
  expect(heard.subarray(7 * MS).every((sample) => sample === 0)).toBe(true);
  expect(buffer.state.underruns).toBe(0);
});

test("words after a clear are played", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.push(chunk(500, 0.2));
  play(buffer, 100);
  buffer.clear();
  buffer.push(chunk(100, 0.7));
  const { heard } = play(buffer, 300);
  expect(heard.filter((sample) => sample === Math.fround(0.7)).length).toBeGreaterThan(90 * MS);
});

test("an underrun is counted, fades out, and teaches the buffer to wait longer", () => {
  const buffer = new JitterBuffer(RATE);
  const before = buffer.state.targetMs;
  buffer.push(chunk(80));
  const { heard } = play(buffer, 280);
  const end = heard.length - 1;
  expect(heard[end]).toBe(0);
  for (let at = 1; at < heard.length; at++) {
    expect(Math.abs((heard[at] as number) - (heard[at - 1] as number))).toBeLessThan(0.05);
  }
  buffer.push(chunk(80));
  expect(buffer.state.underruns).toBe(1);
  expect(buffer.state.emptyMs).toBeGreaterThan(100);
  expect(buffer.state.targetMs).toBeGreaterThan(before + 50);
});

test("a line with 100 ms of jitter has few underruns once it is known", () => {
  const buffer = new JitterBuffer(RATE);
  const lateness = Array.from({ length: 100 }, (_, at) => (at % 7 === 3 ? 100 : (at * 37) % 40));
  stream(buffer, lateness);
  const { underruns, targetMs } = buffer.state;
  expect(underruns).toBeLessThanOrEqual(2);
  expect(targetMs).toBeGreaterThan(60);
  expect(targetMs).toBeLessThanOrEqual(MAX_TARGET * 1000);
});

test("on a steady line the delay shrinks in silence to the least there is", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.push(chunk(250, 0)); // a burst, after which everything waits
  stream(buffer, new Array(150).fill(0), 0.001); // 12 s
  const { delayMs, skippedMs, underruns } = buffer.state;
  expect(skippedMs).toBeGreaterThan(150);
  expect(delayMs).toBeLessThan(MIN_TARGET * 1000 + 32);
  expect(underruns).toBe(0);
});

test("on a line that stops for a second now and then the delay comes back to the most that it may be", () => {
  const buffer = new JitterBuffer(RATE);
  // Each thirtieth frame holds up those behind it.
  const lateness = Array.from({ length: 150 }, (_, at) => Math.max(0, 960 - (at % 30) * 80));
  stream(buffer, lateness, 0.001);
  expect(buffer.state.underruns).toBeGreaterThan(0);
  expect(buffer.state.delayMs).toBeLessThanOrEqual(MAX_TARGET * 1000 + 20);
});

test("nothing is skipped of what can be heard", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.push(chunk(250));
  stream(buffer, new Array(30).fill(0));
  expect(buffer.state.skippedMs).toBe(0);
});

test("what is held is bounded: the oldest is dropped, counted, and its marks come back", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.push(chunk(100));
  buffer.mark("old");
  const returned = [];
  for (let at = 0; at < 50; at++) returned.push(...buffer.push(chunk(100)));
  expect(returned).toEqual(["old"]);
  expect(buffer.state.heldMs).toBe(MAX_HELD * 1000);
  expect(buffer.state.droppedMs).toBe(5100 - MAX_HELD * 1000);
});
