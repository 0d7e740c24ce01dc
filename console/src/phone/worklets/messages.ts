/** What the page and its two worklets tell each other. Moments are milliseconds of the audio context's clock. */

import type { Change } from "../activity";
import type { JitterState } from "../jitter";
import type { Format } from "../pcm";

/** Each worklet is told which format is on the wire. */
export interface Options {
  format: Format;
}

/** From the microphone's worklet. */
export type FromCapture =
  | { type: "packet"; data: ArrayBuffer }
  | { type: "level"; dbfs: number }
  | { type: "speech"; change: Change };

/** To the loudspeaker's worklet. */
export type ToPlayback = { type: "audio"; data: ArrayBuffer } | { type: "mark"; name: string } | { type: "clear" };

/** From the loudspeaker's worklet. */
export type FromPlayback =
  | { type: "marks"; names: string[] }
  | { type: "state"; dbfs: number; state: JitterState }
  | { type: "speech"; change: Change };
