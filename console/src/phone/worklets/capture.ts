/** The microphone's side: packets as they go over the wire, levels, and when the caller speaks. */

import { Meter } from "../meter";
import { Packets } from "../packets";
import type { FromCapture, Options } from "./messages";

class Capture extends AudioWorkletProcessor {
  private readonly packets: Packets;
  private readonly meter = new Meter(sampleRate, currentFrame);

  constructor(options: AudioWorkletNodeOptions) {
    super(options);
    this.packets = new Packets(sampleRate, (options.processorOptions as Options).format);
  }

  override process(inputs: Float32Array[][]): boolean {
    const samples = inputs[0]?.[0] ?? new Float32Array(128); // a stream without a source goes on in silence
    for (const data of this.packets.feed(samples)) this.tell({ type: "packet", data }, [data]);
    const { changes, level } = this.meter.feed(samples);
    for (const change of changes) this.tell({ type: "speech", change });
    if (level !== null) this.tell({ type: "level", dbfs: level });
    return true;
  }

  private tell(message: FromCapture, moved: Transferable[] = []): void {
    this.port.postMessage(message, moved);
  }
}

registerProcessor("capture", Capture);
