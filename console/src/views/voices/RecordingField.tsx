import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useTexts } from "../../i18n";
import { number } from "../../lib/format";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { beginRecording, canRecord, type Running } from "./microphone";
import { LONGEST, type Recording, readRecording } from "./recording";

const MOST_SECONDS = 30;

interface State {
  words: string;
  kind: "info" | "good" | "warn";
}

interface Given {
  /** `null` while there is none that can be used; `file` is its name, empty for one from the microphone. */
  onRead: (recording: Recording | null, file: string) => void;
}

/** A file or the microphone, what is to be said of it, and a way to hear it before anything is sent. */
export function RecordingField({ onRead }: Given) {
  const t = useTexts().voices.dialog;
  const id = useId();
  const [state, setState] = useState<State | null>(null);
  const [url, setUrl] = useState("");
  const latest = useRef(0);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);

  const chosen = async (sound: Blob | undefined, name: string) => {
    const round = ++latest.current;
    onRead(null, "");
    setUrl("");
    if (!sound) return setState(null);
    setState({ words: t.reading, kind: "info" });
    const recording = await readRecording(sound).catch(() => null);
    if (round !== latest.current) return;
    if (!recording) return setState({ words: t.unreadable, kind: "warn" });
    const seconds = number(recording.seconds, 1);
    if (recording.seconds > LONGEST) return setState({ words: t.tooLong, kind: "warn" });
    if (recording.seconds < 1) return setState({ words: t.tooShort, kind: "warn" });
    if (recording.seconds > 20) setState({ words: t.long(seconds), kind: "warn" });
    else if (recording.seconds < 10) setState({ words: t.short(seconds), kind: "warn" });
    else setState({ words: t.good(seconds), kind: "good" });
    setUrl(URL.createObjectURL(recording.wav));
    onRead(recording, name);
  };

  return (
    <div class="field">
      <label for={id}>{t.file}</label>
      <input
        id={id}
        class="input voice-file"
        type="file"
        accept="audio/*,.wav"
        aria-describedby={`${id}-hint ${id}-state`}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          void chosen(file, file?.name ?? "");
        }}
      />
      <span class="hint" id={`${id}-hint`}>
        {t.fileHint}
      </span>
      {canRecord() && <Microphone onRecorded={(sound) => void chosen(sound, "")} />}
      <div id={`${id}-state`} role="status">
        {state && <Notice kind={state.kind}>{state.words}</Notice>}
      </div>
      {url && (
        // biome-ignore lint/a11y/useMediaCaption: nobody knows yet what is said in it
        <audio class="voice-preview" controls src={url} aria-label={t.preview} />
      )}
    </div>
  );
}

/** Record here: with something to read, and how long it has been. */
function Microphone({ onRecorded }: { onRecorded: (sound: Blob) => void }) {
  const t = useTexts().voices.dialog;
  const [running, setRunning] = useState<Running | null>(null);
  const [seconds, setSeconds] = useState(0);
  const [denied, setDenied] = useState(false);

  const stop = async () => {
    if (!running) return;
    setRunning(null);
    onRecorded(await running.end());
  };
  useEffect(() => {
    if (!running) return;
    const began = performance.now();
    const timer = setInterval(() => {
      const now = (performance.now() - began) / 1000;
      setSeconds(now);
      if (now >= MOST_SECONDS) void stop();
    }, 200);
    return () => {
      clearInterval(timer);
      running.release();
    };
  }, [running]);

  const begin = async () => {
    setDenied(false);
    setSeconds(0);
    const begun = await beginRecording().catch(() => null);
    if (begun) setRunning(begun);
    else setDenied(true);
  };
  return (
    <div class="stack-small">
      <div class="row">
        <Button small icon={running ? "check" : "voices"} onClick={() => void (running ? stop() : begin())}>
          {running ? t.stopRecording : t.record}
        </Button>
        {running && (
          <span class="voice-recording num" role="timer">
            <span class="dot" />
            {t.recording(number(Math.floor(seconds)))}
          </span>
        )}
      </div>
      {running && (
        <blockquote class="voice-script">
          <span class="small muted">{t.readAloud}</span>
          <p>{t.sentences}</p>
        </blockquote>
      )}
      {denied && <Notice kind="danger">{t.denied}</Notice>}
    </div>
  );
}
