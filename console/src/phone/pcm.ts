/** Samples of the Web Audio API (float, full scale ±1) and samples of the wire (16 bits, little-endian, or mu-law). */

import { decode, encode } from "./mulaw";

/** What one side of the wire carries: 16-bit PCM at 24 kHz, or mu-law at 8 kHz. */
export type Format = "pcm24" | "ulaw8";

/** Samples a second of each format. */
export const RATE: Record<Format, number> = { pcm24: 24_000, ulaw8: 8_000 };

/** Floats to 16 bits: rounded, clipped; what is no number becomes silence. */
export function toInt16(samples: Float32Array): Int16Array<ArrayBuffer> {
  const pcm = new Int16Array(samples.length);
  for (let at = 0; at < samples.length; at++) {
    const scaled = Math.round((samples[at] as number) * 32768);
    pcm[at] = scaled > 32767 ? 32767 : scaled < -32768 ? -32768 : scaled; // an Int16Array turns NaN into 0
  }
  return pcm;
}

/** 16 bits to floats. */
export function toFloat(pcm: Int16Array): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(pcm.length);
  for (let at = 0; at < pcm.length; at++) samples[at] = (pcm[at] as number) / 32768;
  return samples;
}

/** Floats as one message of the wire. */
export function packed(samples: Float32Array, format: Format): ArrayBuffer {
  const pcm = toInt16(samples);
  if (format === "ulaw8") return encode(pcm).buffer;
  const bytes = new DataView(new ArrayBuffer(pcm.length * 2));
  for (let at = 0; at < pcm.length; at++) bytes.setInt16(at * 2, pcm[at] as number, true);
  return bytes.buffer;
}

/** One message of the wire as floats. Half a sample at its end, which no server of ours sends, is left out. */
export function unpacked(message: ArrayBuffer, format: Format): Float32Array<ArrayBuffer> {
  if (format === "ulaw8") return toFloat(decode(new Uint8Array(message)));
  const bytes = new DataView(message);
  const samples = new Float32Array(message.byteLength >> 1);
  for (let at = 0; at < samples.length; at++) samples[at] = bytes.getInt16(at * 2, true) / 32768;
  return samples;
}
