import type { RefObject } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Store, store } from "../../lib/store";

/** The sound of a recording: where it is, and what can be done with it. */
export interface Playback {
  /** Seconds from the beginning; changes with each drawn frame while it plays. */
  at: Store<number>;
  playing: boolean;
  /** Why there is no sound, in the browser's words; empty where there is. */
  failed: boolean;
  rate: number;
  setRate: (rate: number) => void;
  toggle: () => void;
  /** Go to a second, and play from there if asked. */
  seek: (seconds: number, play?: boolean) => void;
}

export function usePlayback(audio: RefObject<HTMLAudioElement | null>): Playback {
  const at = useMemo(() => store(0), []);
  const [playing, setPlaying] = useState(false);
  const [failed, setFailed] = useState(false);
  const [rate, setRate] = useState(1);
  useEffect(() => {
    const element = audio.current;
    if (!element) return;
    let frame = 0;
    const draw = () => {
      at.set(element.currentTime);
      frame = element.paused ? 0 : requestAnimationFrame(draw);
    };
    const changed = () => {
      setPlaying(!element.paused);
      cancelAnimationFrame(frame);
      draw();
    };
    const broke = () => setFailed(true);
    const heard = ["play", "pause", "ended", "seeked", "loadedmetadata"];
    for (const name of heard) element.addEventListener(name, changed);
    element.addEventListener("error", broke);
    return () => {
      cancelAnimationFrame(frame);
      for (const name of heard) element.removeEventListener(name, changed);
      element.removeEventListener("error", broke);
      element.pause();
    };
  }, []);
  const play = () => audio.current?.play().catch(() => setFailed(true));
  return {
    at,
    playing,
    failed,
    rate,
    setRate: (next) => {
      setRate(next);
      if (audio.current) audio.current.playbackRate = next;
    },
    toggle: () => {
      const element = audio.current;
      if (element?.paused) void play();
      else element?.pause();
    },
    seek: (seconds, thenPlay = false) => {
      const element = audio.current;
      if (!element) return;
      const end = Number.isFinite(element.duration) ? element.duration : seconds;
      element.currentTime = Math.max(0, Math.min(seconds, end));
      at.set(element.currentTime);
      if (thenPlay) void play();
    },
  };
}
