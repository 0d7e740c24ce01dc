/**
 * G.711 mu-law by tables, exact for every sample: the same codes as `bridge/audio/mulaw.py`, and tested against the
 * same reference. The two lowest bits of a 16-bit sample never reach a code, so 16,384 entries cover all samples.
 */

/** G.711's bias of 33 on a 14-bit scale, times four for 16-bit samples. */
const BIAS = 0x84;

/** The largest 16-bit magnitude that still fits the top segment after the bias. */
const CLIP = 32635;

function codeOf(sample: number): number {
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const segment = 24 - Math.clz32(magnitude); // the highest bit is bit 7 in segment 0
  const code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f);
  return ~(code | (sample < 0 ? 0x80 : 0)) & 0xff;
}

function sampleOf(code: number): number {
  const bits = ~code & 0xff;
  const magnitude = (((bits & 0x0f) << 3) + BIAS) << ((bits & 0x70) >> 4);
  return bits & 0x80 ? BIAS - magnitude : magnitude - BIAS;
}

const DECODE = Int16Array.from({ length: 256 }, (_, code) => sampleOf(code));
const ENCODE = Uint8Array.from({ length: 1 << 14 }, (_, at) => codeOf((at < 1 << 13 ? at : at - (1 << 14)) << 2));

/** 16-bit samples to mu-law codes at the same rate. */
export function encode(pcm: Int16Array): Uint8Array<ArrayBuffer> {
  const codes = new Uint8Array(pcm.length);
  for (let at = 0; at < pcm.length; at++) codes[at] = ENCODE[((pcm[at] as number) & 0xffff) >> 2] as number;
  return codes;
}

/** Mu-law codes to 16-bit samples at the same rate. */
export function decode(codes: Uint8Array): Int16Array<ArrayBuffer> {
  const pcm = new Int16Array(codes.length);
  for (let at = 0; at < codes.length; at++) pcm[at] = DECODE[codes[at] as number] as number;
  return pcm;
}
