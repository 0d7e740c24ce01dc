/** The browser's audio for one call: microphone and loudspeaker, each with its worklet. */

import { type Fault, microphoneFault, obstacle } from "./faults";
import { type Format, RATE } from "./pcm";
import captureAddress from "./worklets/capture?worker&url";
import type { FromCapture, FromPlayback, Options, ToPlayback } from "./worklets/messages";
import playbackAddress from "./worklets/playback?worker&url";

/** The browser's own treatment of the microphone. */
export interface Treatment {
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGainControl: boolean;
}

/** Why there is no sound. */
export class DeviceError extends Error {
  constructor(readonly fault: Fault) {
    super(fault);
  }
}

/** Microphone and loudspeaker of one call. Owner: the call, which closes it. */
export class Devices {
  private constructor(
    private readonly context: AudioContext,
    private readonly stream: MediaStream,
    private readonly playback: AudioWorkletNode,
  ) {}

  /**
   * Open both. To be called from a click: browsers start no sound otherwise. Raises `DeviceError`.
   *
   * 24 kHz is asked for; a browser that cannot have its microphone at that rate gets its own, and the worklets resample.
   */
  static async open(
    format: Format,
    treatment: Treatment,
    heard: (message: FromCapture) => void,
    played: (message: FromPlayback) => void,
  ): Promise<Devices> {
    const fault = obstacle({
      isSecureContext,
      hasMicrophone: typeof navigator.mediaDevices?.getUserMedia === "function",
      hasWorklets: typeof AudioWorkletNode === "function",
    });
    if (fault) throw new DeviceError(fault);
    let context = contextAt(RATE.pcm24);
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { ...treatment, channelCount: 1 } });
    } catch (error) {
      await context.close();
      throw new DeviceError(microphoneFault(error));
    }
    try {
      let source = sourceOf(context, stream);
      if (!source) {
        await context.close();
        context = contextAt();
        source = context.createMediaStreamSource(stream);
      }
      return await Devices.connect(context, stream, source, format, heard, played);
    } catch {
      for (const track of stream.getTracks()) track.stop();
      if (context.state !== "closed") await context.close();
      throw new DeviceError("audioFailed");
    }
  }

  private static async connect(
    context: AudioContext,
    stream: MediaStream,
    source: MediaStreamAudioSourceNode,
    format: Format,
    heard: (message: FromCapture) => void,
    played: (message: FromPlayback) => void,
  ): Promise<Devices> {
    await Promise.all([
      context.audioWorklet.addModule(captureAddress),
      context.audioWorklet.addModule(playbackAddress),
    ]);
    const options: AudioWorkletNodeOptions = {
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { format } satisfies Options,
    };
    const capture = new AudioWorkletNode(context, "capture", { ...options, numberOfOutputs: 0 });
    const playback = new AudioWorkletNode(context, "playback", {
      ...options,
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    capture.port.onmessage = ({ data }: MessageEvent<FromCapture>) => heard(data);
    playback.port.onmessage = ({ data }: MessageEvent<FromPlayback>) => played(data);
    source.connect(capture);
    playback.connect(context.destination);
    // A telephone interrupts it when another call comes in, and leaves it so.
    context.onstatechange = () => void (context.state === "suspended" && context.resume());
    await context.resume();
    return new Devices(context, stream, playback);
  }

  /** Something for the loudspeaker; sound is handed over, not copied. */
  play(message: ToPlayback): void {
    this.playback.port.postMessage(message, message.type === "audio" ? [message.data] : []);
  }

  /** Let silence take the place of the microphone, or no longer. */
  mute(muted: boolean): void {
    for (const track of this.stream.getAudioTracks()) track.enabled = !muted;
  }

  /** Called when the microphone is unplugged, or taken back by the browser. */
  onGone(then: () => void): void {
    for (const track of this.stream.getAudioTracks()) track.onended = then;
  }

  /** Samples a second of the audio context. */
  get rate(): number {
    return this.context.sampleRate;
  }

  /** What the devices hold back in milliseconds, as far as the browser knows. */
  get latency(): { inputMs: number; outputMs: number } {
    const settings = this.stream.getAudioTracks()[0]?.getSettings() as { latency?: number } | undefined;
    const output = this.context.outputLatency || this.context.baseLatency || 0;
    return { inputMs: (settings?.latency ?? 0) * 1000, outputMs: output * 1000 };
  }

  /** Give microphone and loudspeaker back. */
  async close(): Promise<void> {
    for (const track of this.stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.context.onstatechange = null;
    if (this.context.state !== "closed") await this.context.close();
  }
}

/** A context at that rate, or at the browser's own where it has no other. */
function contextAt(sampleRate?: number): AudioContext {
  const own: AudioContextOptions = { latencyHint: "interactive" };
  if (sampleRate === undefined) return new AudioContext(own);
  try {
    return new AudioContext({ ...own, sampleRate });
  } catch {
    return new AudioContext(own);
  }
}

/** The microphone in the context; null where the browser cannot have it at the context's rate (Firefox). */
function sourceOf(context: AudioContext, stream: MediaStream): MediaStreamAudioSourceNode | null {
  try {
    return context.createMediaStreamSource(stream);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") return null;
    throw error;
  }
}
