import { expect, test } from "vitest";
import { AnswerClock, median, mouthToEar, RoundTrips } from "./latency";

const began = (at: number) => ({ kind: "began" as const, at });
const ended = (at: number) => ({ kind: "ended" as const, at });

test("an answer takes from the caller's last sound to the agent's first", () => {
  const clock = new AnswerClock();
  clock.caller(began(0));
  clock.caller(ended(1000));
  clock.agent(began(1640));
  expect(clock.answers).toEqual([640]);
});

test("an answer that began before the caller's end was certain is timed as well", () => {
  const clock = new AnswerClock();
  clock.caller(began(0));
  clock.agent(began(1200));
  clock.caller(ended(1000));
  expect(clock.answers).toEqual([200]);
});

test("an agent who talks while the caller speaks has not answered", () => {
  const clock = new AnswerClock();
  clock.agent(began(0));
  clock.caller(began(500));
  clock.caller(ended(2000));
  expect(clock.answers).toEqual([]);
  clock.agent(ended(2100));
  clock.agent(began(2700));
  expect(clock.answers).toEqual([700]);
});

test("only the last thing that the caller said is answered, and once", () => {
  const clock = new AnswerClock();
  clock.caller(began(0));
  clock.caller(ended(1000));
  clock.caller(began(1500));
  clock.caller(ended(2000));
  clock.agent(began(2500));
  clock.agent(ended(3000));
  clock.agent(began(4000));
  expect(clock.answers).toEqual([500]);
});

test("words of the agent long after are no answer", () => {
  const clock = new AnswerClock();
  clock.caller(ended(1000));
  clock.agent(began(16_000));
  expect(clock.answers).toEqual([]);
});

test("the middle of the round trips is shown, and none before the first", () => {
  const trips = new RoundTrips();
  expect(trips.middleMs).toBeNull();
  for (const trip of [10, 500, 12]) trips.add(trip);
  expect(trips.middleMs).toBe(12);
  expect(median([])).toBeNull();
});

test("both ways from mouth to ear are added up from their parts", () => {
  const path = { inputMs: 10, outputMs: 20, roundTripMs: 30, bufferMs: 40, filterMs: 3 };
  expect(mouthToEar(path)).toEqual({ thereMs: 78, backMs: 78 });
});
