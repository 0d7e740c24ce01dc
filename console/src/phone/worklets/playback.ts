/** The loudspeaker's side: the jitter buffer, its marks, levels, and when the agent is heard. */

import { JitterBuffer } from "../jitter";
import { Meter } from "../meter";
import { RATE, unpacked } from "../pcm";
import { Resampler } from "../resample";
import type { FromPlayback, Options, ToPlayback } from "./messages";

class Playback extends AudioWorkletProcessor {
  private readonly buffer = new JitterBuffer(sampleRate);
  private readonly meter = new Meter(sampleRate, currentFrame);

  constructor(options: AudioWorkletNodeOptions) {
    super(options);
    const { format } = options.processorOptions as Options;
    const resampler = new Resampler(RATE[format], sampleRate);
    this.port.onmessage = ({ data: message }: MessageEvent<ToPlayback>) => {
      if (message.type === "audio") this.marks(this.buffer.push(resampler.process(unpacked(message.data, format))));
      else if (message.type === "mark") this.marks(this.buffer.mark(message.name));
      else this.marks(this.buffer.clear());
    };
  }

  override process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0];
    if (!out) return true;
    this.marks(this.buffer.pull(out));
    const { changes, level } = this.meter.feed(out);
    for (const change of changes) this.tell({ type: "speech", change });
    if (level !== null) this.tell({ type: "state", dbfs: level, state: this.buffer.state });
    return true;
  }

  private marks(names: string[]): void {
    if (names.length > 0) this.tell({ type: "marks", names });
  }

  private tell(message: FromPlayback): void {
    this.port.postMessage(message);
  }
}

registerProcessor("playback", Playback);
