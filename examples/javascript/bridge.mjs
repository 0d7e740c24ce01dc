// What the examples share: the bridge's address and key, requests, server-sent events, sockets, WAV files.
// Node 20 or newer, no packages. Sockets: Node 22, or node --experimental-websocket with Node 20 (from 20.10 on).

import { readFileSync, writeFileSync } from "node:fs";

export const url = (process.env.CALLBRIDGE_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");
const key = process.env.CALLBRIDGE_KEY ?? "";

/** One request; an answer of 400 or more ends the program with the bridge's words. */
export async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${key}`, ...options.headers };
  const response = await fetch(url + path, { ...options, headers });
  if (!response.ok && !(options.also ?? []).includes(response.status)) {
    const told = await response.json().catch(() => ({}));
    console.error(`${options.method ?? "GET"} ${path}: ${JSON.stringify(told.detail) ?? response.status}`);
    process.exit(1);
  }
  return response;
}

/** One request with JSON both ways. */
export async function json(path, body, options = {}) {
  const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const response = await ask(path, { ...sent, ...options, headers: { ...headers, ...options.headers } });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** Server-sent events as they come: {kind, data}. */
export async function* events(path, options = {}) {
  const response = await ask(path, { ...options, headers: { Accept: "text/event-stream" } });
  let rest = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const whole = (rest + piece).split("\n\n");
    rest = whole.pop();
    for (const block of whole) {
      const lines = block.split("\n");
      const field = (name) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
      const data = field("data").join("\n");
      if (data) yield { kind: field("event")[0] ?? "message", data: JSON.parse(data) };
    }
  }
}

/** An open WebSocket. The key is a subprotocol, because this interface knows no headers. */
export async function socket(path) {
  if (!globalThis.WebSocket) {
    console.error("this Node has no WebSocket: take Node 22, or run node --experimental-websocket");
    process.exit(1);
  }
  const opened = new WebSocket(url.replace(/^http/, "ws") + path, ["callbridge", `bearer.${key}`]);
  opened.binaryType = "arraybuffer";
  await new Promise((resolve) => {
    opened.onopen = resolve;
    opened.onerror = () => {
      console.error(`${path}: the bridge does not let us in; is the key good for it?`);
      process.exit(1);
    };
  });
  return opened;
}

/** Send 16-bit samples as fast as they are spoken; resolves when all are sent. */
export async function play(opened, samples, rate = 24000) {
  const step = rate * 0.08;
  const started = performance.now();
  for (let place = 0; place < samples.length; place += step) {
    if (opened.readyState !== WebSocket.OPEN) return;
    opened.send(samples.slice(place, place + step));
    await sleep(started + ((place + step) / rate) * 1000 - performance.now());
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** The samples of a WAV file of 16-bit mono at 24 kHz. */
export function readWav(file) {
  const bytes = readFileSync(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let samples;
  for (let at = 12; at + 8 <= bytes.length; at += 8 + view.getUint32(at + 4, true)) {
    const name = bytes.toString("latin1", at, at + 4);
    if (name === "fmt " && (view.getUint16(at + 10, true) !== 1 || view.getUint32(at + 12, true) !== 24000)) {
      console.error(`${file}: 16-bit mono at 24 kHz is needed`);
      process.exit(1);
    }
    if (name === "data") samples = new Int16Array(bytes.buffer.slice(bytes.byteOffset + at + 8, bytes.byteOffset + at + 8 + view.getUint32(at + 4, true)));
  }
  return samples;
}

/** Write 16-bit samples, given as a list of ArrayBuffers, into a WAV file. */
export function writeWav(file, pieces, rate = 24000, channels = 1) {
  const data = Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
  const head = Buffer.alloc(44);
  head.write("RIFF", 0, "latin1");
  head.writeUInt32LE(36 + data.length, 4);
  head.write("WAVEfmt ", 8, "latin1");
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * channels * 2, 28);
  head.writeUInt16LE(channels * 2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36, "latin1");
  head.writeUInt32LE(data.length, 40);
  writeFileSync(file, Buffer.concat([head, data]));
}
