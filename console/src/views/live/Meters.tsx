import { useTexts } from "../../i18n";
import { useStore } from "../../lib/store";
import { levels, loudness } from "./house";

/** How loud both sides are; drawn anew five times a second, so apart from everything else. */
export function Meters({ callId, tall }: { callId: string; tall?: boolean }) {
  const t = useTexts();
  const now = useStore(levels, (all) => all[callId]);
  return (
    <span class={tall ? "meters tall" : "meters"} aria-hidden={tall ? undefined : "true"}>
      <Meter
        side="caller"
        label={t.live.levelCaller}
        share={loudness(now?.[0])}
        word={t.calls.speakers.caller}
        tall={tall}
      />
      <Meter
        side="agent"
        label={t.live.levelAgent}
        share={loudness(now?.[1])}
        word={t.calls.speakers.agent}
        tall={tall}
      />
    </span>
  );
}

interface MeterProps {
  side: "caller" | "agent";
  label: string;
  word: string;
  share: number;
  tall: boolean | undefined;
}

function Meter({ side, label, word, share, tall }: MeterProps) {
  const percent = Math.round(share * 100);
  return (
    <span class={`meter-side ${side}`}>
      {tall && (
        <span class="small" aria-hidden="true">
          {word}
        </span>
      )}
      {/* biome-ignore lint/a11y/useSemanticElements: the inside of <meter> cannot be styled in every browser */}
      <span class="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
        <span style={{ transform: `scaleX(${share})` }} />
      </span>
    </span>
  );
}
