import { useEffect, useRef, useState } from "preact/hooks";
import { request } from "../../api/client";
import { isAbort } from "../../api/errors";
import { texts } from "../../i18n";
import { announce, toastError } from "../../ui/Toasts";

export type Playing = { name: string; state: "preparing" | "playing" } | null;

export interface Samples {
  playing: Playing;
  /** Hear a voice, in place of another; the same one again stops it. */
  toggle: (name: string, shown: string, query: { text: string; language?: string }) => void;
}

/** One voice at a time: asked for, played, stopped when the view is left. */
export function useSamples(): Samples {
  const [playing, setPlaying] = useState<Playing>(null);
  const stopped = useRef<() => void>(() => {});
  useEffect(() => () => stopped.current(), []);

  const play = async (name: string, shown: string, query: { text: string; language?: string }) => {
    const t = texts().voices;
    const abort = new AbortController();
    const sound = new Audio();
    let url = "";
    const stop = () => {
      abort.abort();
      sound.pause();
      if (url) URL.revokeObjectURL(url);
      stopped.current = () => {};
      setPlaying(null);
    };
    stopped.current = stop;
    setPlaying({ name, state: "preparing" });
    announce(t.preparing(shown));
    try {
      const path = `v1/voices/${encodeURIComponent(name)}/sample.wav`;
      const answer = await request("GET", path, undefined, { query, signal: abort.signal });
      url = URL.createObjectURL(await answer.blob());
      if (abort.signal.aborted) return URL.revokeObjectURL(url);
      sound.src = url;
      sound.onended = stop;
      sound.onerror = () => {
        stop();
        toastError(new Error(t.cannotPlay));
      };
      await sound.play();
      setPlaying({ name, state: "playing" });
      announce(t.playing(shown));
    } catch (error) {
      if (abort.signal.aborted || isAbort(error)) return;
      stop();
      toastError(error);
    }
  };

  const toggle: Samples["toggle"] = (name, shown, query) => {
    const same = playing?.name === name;
    stopped.current();
    if (!same) void play(name, shown, query);
  };
  return { playing, toggle };
}
