/** Samples of any number into packets of 20 ms, as they go over the wire. */

import { PACKET_MS } from "./latency";
import { type Format, packed, RATE } from "./pcm";
import { Resampler } from "./resample";

/** One direction of the wire: samples at `rate` come in, messages in `format` go out. */
export class Packets {
  private readonly resampler: Resampler;
  private readonly packet: Float32Array;
  private filled = 0;

  constructor(
    rate: number,
    private readonly format: Format,
  ) {
    this.resampler = new Resampler(rate, RATE[format]);
    this.packet = new Float32Array((RATE[format] * PACKET_MS) / 1000);
  }

  /** Take samples; returns the packets that are full. */
  feed(samples: Float32Array): ArrayBuffer[] {
    const full: ArrayBuffer[] = [];
    let rest = this.resampler.process(samples);
    while (rest.length > 0) {
      const part = rest.subarray(0, this.packet.length - this.filled);
      this.packet.set(part, this.filled);
      this.filled += part.length;
      rest = rest.subarray(part.length);
      if (this.filled === this.packet.length) {
        full.push(packed(this.packet, this.format));
        this.filled = 0;
      }
    }
    return full;
  }
}
