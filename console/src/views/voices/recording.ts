/** What is known of a sound file that was chosen. */
export interface Recording {
  /** A WAV file of it: the file itself, or what was made of it. */
  wav: Blob;
  seconds: number;
}

const RATE = 48_000;
/** What the server takes is 25 MB; a mono file of two minutes at this rate has 11.5 MB. */
export const LONGEST = 120;

/** Read a sound file of any kind that the browser knows, as mono. Raises what the browser raises for others. */
export async function readRecording(file: Blob): Promise<Recording> {
  const decoder = new OfflineAudioContext(1, 1, RATE);
  const sound = await decoder.decodeAudioData(await file.arrayBuffer());
  const channels = Array.from({ length: sound.numberOfChannels }, (_, index) => sound.getChannelData(index));
  return { wav: wavOf(mixed(channels), sound.sampleRate), seconds: sound.duration };
}

/** All channels as one: their mean. */
export function mixed(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0)] = channels;
  if (channels.length < 2) return first;
  return first.map((_, at) => channels.reduce((sum, channel) => sum + (channel[at] ?? 0), 0) / channels.length);
}

/** A mono WAV file of 16-bit samples; what is beyond full scale is clipped. */
export function wavOf(samples: Float32Array, rate: number): Blob {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at: number, letters: string) => {
    for (let index = 0; index < letters.length; index++) view.setUint8(at + index, letters.charCodeAt(index));
  };
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of this part
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, index) => {
    view.setInt16(44 + 2 * index, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true);
  });
  return new Blob([view.buffer], { type: "audio/wav" });
}

export const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** A name for a voice of this file's: "Ann's voice (2).wav" → "Ann-s-voice-2". */
export function nameOf(file: string): string {
  const stem = file
    .replace(/\.[^.]*$/, "")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "");
  return stem
    .replace(/[^A-Za-z0-9_]+/g, "-")
    .replace(/^[-_]+|-+$/g, "")
    .slice(0, 64);
}
