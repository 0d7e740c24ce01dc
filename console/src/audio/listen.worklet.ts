// Runs in the browser's audio thread. Samples come as messages, 128 at a time go to the loudspeaker.
import { StereoRing } from "./ring";

declare const sampleRate: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

class Listen extends AudioWorkletProcessor {
  readonly #ring = new StereoRing(2 * sampleRate, Math.round(0.2 * sampleRate));

  constructor() {
    super();
    this.port.onmessage = (event: MessageEvent<ArrayBuffer>) => this.#ring.push(new Int16Array(event.data));
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [left, right] = outputs[0] ?? [];
    if (left && right) this.#ring.pull(left, right);
    return true;
  }
}

registerProcessor("listen", Listen);
