import { socketAddress } from "../api/client";
import { texts } from "../i18n";
import worklet from "./listen.worklet.ts?worker&url";

interface Format {
  type: "format";
  rate: number;
  channels: number;
  encoding: string;
}

export type Ending = { over: true } | { over: false; message: string };

/** Listen in to a call: the caller on the left, the agent on the right. The answer stops it; `onEnd` comes once. */
export async function listenIn(callId: string, onEnd: (ending: Ending) => void): Promise<() => void> {
  // Within the click that asked for it, so that the browser lets it sound.
  const context = new AudioContext({ sampleRate: 8000, latencyHint: "interactive" });
  await context.resume();
  await context.audioWorklet.addModule(worklet);
  const node = new AudioWorkletNode(context, "listen", { numberOfInputs: 0, outputChannelCount: [2] });
  node.connect(context.destination);
  const socket = new WebSocket(socketAddress(`v1/calls/${encodeURIComponent(callId)}/listen`));
  socket.binaryType = "arraybuffer";
  let ended = false;
  const end = (ending: Ending | null) => {
    if (ended) return;
    ended = true;
    socket.close();
    void context.close();
    if (ending) onEnd(ending);
  };
  socket.onmessage = (event: MessageEvent<ArrayBuffer | string>) => {
    if (typeof event.data !== "string") node.port.postMessage(event.data, [event.data]);
    else if (!understood(event.data)) end({ over: false, message: texts().shell.errors.unreadable });
  };
  socket.onclose = (event) => {
    if (event.code === 1000) end({ over: true });
    else end({ over: false, message: event.reason || texts().live.listenFailed });
  };
  return () => end(null);
}

/** Whether what will come is what we play: 16-bit stereo at 8 kHz. */
function understood(text: string): boolean {
  const format = JSON.parse(text) as Partial<Format>;
  return format.type !== "format" || (format.rate === 8000 && format.channels === 2 && format.encoding === "pcm_s16le");
}
