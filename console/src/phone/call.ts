/** A call from the browser, from the click to its end: devices, line, conversation and figures brought together. */

import { type Store, store } from "../lib/store";
import { NOTHING_SAID, type Talk, withClear, withRecord, withText } from "./conversation";
import { DeviceError, Devices, type Treatment } from "./devices";
import { type Fault, socketFault } from "./faults";
import type { JitterState } from "./jitter";
import { AnswerClock, median, mouthToEar, RoundTrips } from "./latency";
import { Line } from "./line";
import { type Format, RATE } from "./pcm";
import type { FromServer } from "./protocol";
import { Resampler } from "./resample";
import type { FromCapture, FromPlayback } from "./worklets/messages";

/** What is asked for. */
export interface Wish {
  persona: string;
  format: Format;
  record: boolean;
  treatment: Treatment;
}

/** The delays of the call in milliseconds; null where nothing has been measured yet. */
export interface Figures {
  roundTripMs: number | null;
  /** The last answer, and the middle one of so many. */
  answerMs: number | null;
  middleAnswerMs: number | null;
  answers: number;
  thereMs: number | null;
  backMs: number | null;
  /** Samples a second of the browser's own sound. */
  rate: number;
  buffer: JitterState | null;
  /** Packets of ours that the connection did not take. */
  dropped: number;
}

/** How the call stands. `since` is the moment of the answer, by `performance.now()`. */
export interface CallState {
  phase: "idle" | "microphone" | "dialling" | "talking" | "over";
  wish: Wish | null;
  callId: string;
  business: string;
  language: string;
  since: number;
  lastedMs: number;
  muted: boolean;
  talk: Talk;
  callerDbfs: number;
  agentDbfs: number;
  figures: Figures;
  fault: Fault | null;
  /** The server's own words on it, or on how the call ended. */
  reason: string;
  how: string;
}

const NO_FIGURES: Figures = {
  roundTripMs: null,
  answerMs: null,
  middleAnswerMs: null,
  answers: 0,
  thereMs: null,
  backMs: null,
  rate: 0,
  buffer: null,
  dropped: 0,
};

const NOTHING: CallState = {
  phase: "idle",
  wish: null,
  callId: "",
  business: "",
  language: "",
  since: 0,
  lastedMs: 0,
  muted: false,
  talk: NOTHING_SAID,
  callerDbfs: -100,
  agentDbfs: -100,
  figures: NO_FIGURES,
  fault: null,
  reason: "",
  how: "",
};

/** How long the server may take to answer, and to say goodbye. */
const ANSWER_MS = 15_000;
const GOODBYE_MS = 3_000;

/** One telephone. There is one in a page: a second call begins when the first is over. */
export class Phone {
  readonly state: Store<CallState> = store(NOTHING);
  private devices: Devices | null = null;
  private line: Line | null = null;
  private trips = new RoundTrips();
  private clock = new AnswerClock();
  private filterMs = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private round = 0;

  /** `address` is that of `WS /v1/phone`; `whyClosed` finds out why a line did not open, where the server can tell. */
  constructor(
    private readonly address: () => string,
    private readonly whyClosed: () => Promise<Fault | null>,
  ) {}

  /** Call. What goes wrong is told by the state. */
  async call(wish: Wish): Promise<void> {
    if (this.busy) return;
    const round = ++this.round;
    this.trips = new RoundTrips();
    this.clock = new AnswerClock();
    this.state.set({ ...NOTHING, phase: "microphone", wish });
    let devices: Devices;
    try {
      devices = await Devices.open(
        wish.format,
        wish.treatment,
        (message) => this.heard(message),
        (message) => this.played(message),
      );
    } catch (error) {
      if (round === this.round) this.over({ fault: error instanceof DeviceError ? error.fault : "audioFailed" });
      return;
    }
    if (round !== this.round) return void devices.close(); // hung up while the browser asked for the microphone
    this.devices = devices;
    devices.onGone(() => this.fail("deviceGone"));
    const wire = RATE[wish.format];
    const filters = [new Resampler(devices.rate, wire), new Resampler(wire, devices.rate)];
    this.filterMs = Math.max(...filters.map((filter) => filter.delaySeconds * 1000));
    this.dial(wish, devices.rate);
  }

  /** Hang up, in whatever phase the call is. */
  hangUp(): void {
    const { phase } = this.state.get();
    if (phase === "talking") {
      this.line?.say({ type: "hangup" });
      this.within(GOODBYE_MS, () => this.over({ how: "caller_hung_up" }));
    } else if (this.busy) {
      this.over({ how: "caller_hung_up" });
    }
  }

  /** Press a key of the telephone. */
  press(digit: string): void {
    this.line?.say({ type: "digit", digit });
  }

  /** Send silence instead of the microphone, or no longer. */
  mute(muted: boolean): void {
    this.devices?.mute(muted);
    this.update({ muted });
  }

  /** Whether a call is going on. */
  get busy(): boolean {
    return !["idle", "over"].includes(this.state.get().phase);
  }

  private dial(wish: Wish, rate: number): void {
    this.update({ phase: "dialling", figures: { ...NO_FIGURES, rate } });
    const { persona, format, record } = wish;
    this.within(ANSWER_MS, () => this.fail("notReady"));
    const line = new Line(this.address(), {
      opened: () => line.say({ type: "start", persona, format, record }),
      message: (message) => this.told(message),
      audio: (data) => this.devices?.play({ type: "audio", data }),
      roundTrip: (ms) => {
        this.trips.add(ms);
        this.figure();
      },
      closed: (code, reason, opened) => void this.closed(code, reason, opened),
    });
    this.line = line;
  }

  private told(message: FromServer): void {
    const { talk } = this.state.get();
    switch (message.type) {
      case "started": {
        clearTimeout(this.timer);
        const { call_id: callId, business, language } = message;
        this.update({ phase: "talking", callId, business, language, since: performance.now() });
        break;
      }
      case "mark":
        this.devices?.play(message);
        break;
      case "clear":
        this.devices?.play(message);
        this.update({ talk: withClear(talk) });
        break;
      case "text":
        this.update({ talk: withText(talk, message.text) });
        break;
      case "record":
        this.update({ talk: withRecord(talk, message.record) });
        break;
      case "ended":
        this.over({ how: message.how, reason: message.reason });
        break;
    }
  }

  private heard(message: FromCapture): void {
    if (message.type === "packet") {
      if (this.state.get().phase === "talking") this.line?.send(message.data);
    } else if (message.type === "level") {
      this.update({ callerDbfs: message.dbfs });
    } else {
      this.clock.caller(message.change);
      this.figure();
    }
  }

  private played(message: FromPlayback): void {
    if (message.type === "marks") this.giveBack(message.names);
    else if (message.type === "state") {
      this.update({ agentDbfs: message.dbfs });
      this.figure(message.state);
    } else {
      this.clock.agent(message.change);
      this.figure();
    }
  }

  /** Return marks once their sound has left the loudspeaker, which is a little later than the worklet. */
  private giveBack(names: readonly string[]): void {
    const { line, devices } = this;
    const give = () => names.forEach((name) => void line?.say({ type: "mark", name }));
    setTimeout(give, devices?.latency.outputMs ?? 0);
  }

  private figure(buffer: JitterState | null = this.state.get().figures.buffer): void {
    const { devices, line } = this;
    if (!devices || !line) return;
    const roundTripMs = this.trips.middleMs;
    const ways =
      roundTripMs === null || !buffer
        ? { thereMs: null, backMs: null }
        : mouthToEar({ ...devices.latency, roundTripMs, bufferMs: buffer.delayMs, filterMs: this.filterMs });
    const { answers } = this.clock;
    const figures: Figures = {
      roundTripMs,
      answerMs: answers.at(-1) ?? null,
      middleAnswerMs: median(answers),
      answers: answers.length,
      ...ways,
      rate: devices.rate,
      buffer,
      dropped: line.dropped,
    };
    this.update({ figures });
  }

  private async closed(code: number, reason: string, opened: boolean): Promise<void> {
    if (!this.busy) return;
    if (code === 1000 && opened) return this.over({ how: "" });
    const fault = socketFault(code, opened);
    const round = this.round;
    const known = fault === "unreachable" ? await this.whyClosed() : null;
    if (round === this.round) this.over({ fault: known ?? fault, reason });
  }

  private fail(fault: Fault): void {
    this.over({ fault });
  }

  private over(end: { how?: string; reason?: string; fault?: Fault }): void {
    if (!this.busy) return;
    const { since } = this.state.get();
    this.round++;
    clearTimeout(this.timer);
    this.update({
      phase: "over",
      how: end.how ?? "",
      reason: end.reason ?? "",
      fault: end.fault ?? null,
      lastedMs: since ? performance.now() - since : 0,
      callerDbfs: -100,
      agentDbfs: -100,
    });
    this.line?.close();
    void this.devices?.close();
    this.line = this.devices = null;
  }

  private within(ms: number, otherwise: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(otherwise, ms);
  }

  private update(change: Partial<CallState>): void {
    this.state.set((now) => ({ ...now, ...change }));
  }
}
