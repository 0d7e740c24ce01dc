import { useEffect, useRef, useState } from "preact/hooks";
import { LineBody, LineTime, lineClass } from "../../call/Conversation";
import { type Line, lineAt } from "../../call/conversation";
import { phrasesOf } from "../../call/highlight";
import { useTexts } from "../../i18n";
import { clock } from "../../lib/format";
import type { Playback } from "./usePlayback";

const EARLIER_MS = 200;

/** The words of a call. With its sound each line plays from where it was said, and the one that is heard is marked. */
export function Transcript({ lines, playback }: { lines: readonly Line[]; playback: Playback | null }) {
  const t = useTexts().calls;
  const [current, setCurrent] = useState(-1);
  const phrases = phrasesOf(lines);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (!playback) return;
    const look = () => setCurrent(playback.at.get() > 0 ? lineAt(lines, playback.at.get() * 1000 + 50) : -1);
    look();
    return playback.at.watch(look);
  }, [playback?.at, lines]);
  useEffect(() => {
    if (playback?.playing && current >= 0)
      list.current?.children[current]?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, [current]);
  return (
    <ol class="talk" ref={list} aria-label={t.conversation}>
      {lines.map((line, index) => (
        <li
          key={line.key}
          class={`${lineClass(line)}${index === current ? " current" : ""}`}
          aria-current={index === current ? "true" : undefined}
        >
          {playback ? (
            <button
              type="button"
              class="talk-play"
              aria-label={t.playFrom(clock(line.start_ms / 1000))}
              onClick={() => playback.seek(Math.max(0, line.start_ms - EARLIER_MS) / 1000, true)}
            >
              <LineTime line={line} />
            </button>
          ) : (
            <LineTime line={line} />
          )}
          <LineBody line={line} phrases={phrases} />
        </li>
      ))}
    </ol>
  );
}
