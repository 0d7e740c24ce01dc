/** A recording that goes on. */
export interface Running {
  /** End it; the sound, in whatever form this browser records. */
  end: () => Promise<Blob>;
  /** Let the microphone go. May be repeated. */
  release: () => void;
}

/** Only pages of a safe origin have a microphone: https, or this machine. */
export function canRecord(): boolean {
  return "mediaDevices" in navigator && "MediaRecorder" in window;
}

/** Record from the microphone as it is: nothing that is meant for calls shall change the voice. */
export async function beginRecording(): Promise<Running> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const release = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  const recorder = new MediaRecorder(stream, { audioBitsPerSecond: 256_000 });
  const parts: Blob[] = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start();
  const end = () =>
    new Promise<Blob>((resolve) => {
      const done = () => {
        release();
        resolve(new Blob(parts, { type: recorder.mimeType }));
      };
      if (recorder.state === "inactive") return done();
      recorder.onstop = done;
      recorder.stop();
    });
  return { end, release };
}
