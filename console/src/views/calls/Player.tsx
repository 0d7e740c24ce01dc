import { useEffect, useMemo, useRef } from "preact/hooks";
import { api } from "../../api/client";
import type { Line } from "../../call/conversation";
import { useTexts } from "../../i18n";
import { clock } from "../../lib/format";
import { useLoaded } from "../../lib/load";
import { Button } from "../../ui/Button";
import { Segments } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import type { Waveform } from "./shapes";
import type { Playback } from "./usePlayback";
import { wavePath } from "./wave";

const POINTS = 800;
const STEP = 5;
const LEAP = 30;
const RATES = ["1", "1.5", "2"] as const;

interface Given {
  callId: string;
  lines: readonly Line[];
  playback: Playback;
  seconds: number;
}

/** Both sides' waveform with the place that is played, and the buttons. */
export function Player({ callId, lines, playback, seconds }: Given) {
  const t = useTexts().calls;
  const wave = useLoaded(callId, (signal) =>
    api.get<Waveform>(`v1/calls/${encodeURIComponent(callId)}/waveform`, { query: { points: POINTS }, signal }),
  );
  const length = wave.value?.seconds || seconds || 1;
  return (
    <div class="player">
      <Track wave={wave.value} lines={lines} playback={playback} length={length} />
      <div class="row spread">
        <div class="row">
          <Button
            kind="primary"
            icon={playback.playing ? "pause" : "play"}
            label={playback.playing ? t.pause : t.play}
            onClick={playback.toggle}
          />
          <Time playback={playback} length={length} />
        </div>
        <Segments
          label={t.speed}
          value={String(playback.rate) as (typeof RATES)[number]}
          onValue={(rate) => playback.setRate(Number(rate))}
          options={RATES.map((rate) => [rate, `${rate}×`] as const)}
        />
      </div>
      {(playback.failed || wave.error) && <Notice kind="danger">{wave.error || t.playFailed}</Notice>}
    </div>
  );
}

function Time({ playback, length }: { playback: Playback; length: number }) {
  const shown = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const show = () => {
      const text = `${clock(playback.at.get())} / ${clock(length)}`;
      if (shown.current && shown.current.textContent !== text) shown.current.textContent = text;
    };
    show();
    return playback.at.watch(show);
  }, [playback.at, length]);
  return <span class="num" ref={shown} />;
}

/** The waveform is a slider: a click, a drag or the arrow keys go to a place. Drawn by hand where frames count. */
function Track({
  wave,
  lines,
  playback,
  length,
}: Omit<Given, "callId" | "seconds"> & { wave: Waveform | null; length: number }) {
  const t = useTexts().calls;
  const track = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const show = () => {
      const element = track.current;
      if (!element) return;
      const now = playback.at.get();
      element.style.setProperty("--at", `${(100 * Math.min(now, length)) / length}%`);
      const words = t.placeOf(clock(now), clock(length));
      if (element.getAttribute("aria-valuetext") === words) return;
      element.setAttribute("aria-valuenow", String(Math.floor(now)));
      element.setAttribute("aria-valuetext", words);
    };
    show();
    return playback.at.watch(show);
  }, [playback.at, length, t]);
  const goTo = (event: PointerEvent) => {
    const box = track.current?.getBoundingClientRect();
    if (box) playback.seek(((event.clientX - box.left) / box.width) * length);
  };
  const pressed = (event: KeyboardEvent) => {
    const now = playback.at.get();
    const to: Record<string, number> = {
      ArrowRight: now + STEP,
      ArrowUp: now + STEP,
      ArrowLeft: now - STEP,
      ArrowDown: now - STEP,
      PageUp: now + LEAP,
      PageDown: now - LEAP,
      Home: 0,
      End: length,
    };
    const place = to[event.key];
    if (place !== undefined) playback.seek(place);
    else if (event.key === " " || event.key === "Enter") playback.toggle();
    else return;
    event.preventDefault();
  };
  return (
    <div
      class="track"
      ref={track}
      role="slider"
      tabIndex={0}
      aria-label={t.place}
      aria-valuemin={0}
      aria-valuemax={Math.round(length)}
      aria-valuenow={0}
      onKeyDown={pressed}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        goTo(event);
      }}
      onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && goTo(event)}
    >
      <Lane side="caller" points={wave?.caller ?? []} />
      <Lane side="agent" points={wave?.agent ?? []} />
      {lines.map((line) =>
        line.kind === "verdict" ? (
          <span
            key={line.key}
            class="track-mark"
            title={line.verdict.topic}
            style={{ left: `${(line.start_ms / 10 / length).toFixed(2)}%` }}
          />
        ) : null,
      )}
      <span class="track-at" />
    </div>
  );
}

/** One speaker's waveform: pale, and in full colour as far as it has been played. */
function Lane({ side, points }: { side: "caller" | "agent"; points: Waveform["caller"] }) {
  const t = useTexts().calls;
  const path = useMemo(() => wavePath(points), [points]);
  const drawing = (
    <svg aria-hidden="true" viewBox={`0 -100 ${Math.max(1, points.length)} 200`} preserveAspectRatio="none">
      <path d={path} fill="currentColor" />
    </svg>
  );
  return (
    <div class={`lane ${side}`}>
      <span class="lane-name">{t.speakers[side]}</span>
      <div class="lane-pale">{drawing}</div>
      <div class="lane-played">{drawing}</div>
    </div>
  );
}
