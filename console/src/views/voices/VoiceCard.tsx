import { useTexts } from "../../i18n";
import { href } from "../../lib/router";
import { Button } from "../../ui/Button";
import { Pill } from "../../ui/Pill";
import type { Playing } from "./sample";
import type { Voice } from "./types";

interface Given {
  voice: Voice;
  playing: Playing;
  /** Say that its file is not here; not where that is said of all its group. */
  missing: boolean;
  /** Hear it; none where this engine does not speak in it. */
  onPlay?: () => void;
  onDelete?: () => void;
}

/** One voice: what it is called, what is known of it, how it sounds. */
export function VoiceCard({ voice, playing, missing, onPlay, onDelete }: Given) {
  const t = useTexts().voices;
  const now = playing?.name === voice.name ? playing.state : null;
  return (
    <li class="card voice" data-playing={now ?? undefined}>
      <div class="grow stack-small">
        <div class="row">
          <h3>{voice.name}</h3>
          {missing && <Pill>{t.missing}</Pill>}
        </div>
        <About voice={voice} />
      </div>
      <div class="row voice-acts">
        {onDelete && <Button kind="ghost" icon="trash" label={t.removeOf(voice.name)} onClick={onDelete} />}
        {onPlay && voice.available && (
          <Button
            icon={now ? "pause" : "play"}
            busy={now === "preparing"}
            pressed={now === "playing"}
            label={now ? t.stopOf(voice.name) : t.playOf(voice.name)}
            onClick={onPlay}
          />
        )}
      </div>
    </li>
  );
}

function About({ voice }: { voice: Voice }) {
  const t = useTexts().voices;
  const language = voice.language ? (t.languages[voice.language.slice(0, 2) as "en"] ?? voice.language) : "";
  const sex = voice.custom ? "" : ({ F: t.female, M: t.male }[voice.name[3] ?? ""] ?? "");
  const known = [sex, voice.language?.includes("-") ? `${language} (${voice.language})` : language].filter(Boolean);
  return (
    <p class="small muted">
      {known.join(" · ")}
      {voice.personas.length > 0 && (
        <span>
          {known.length > 0 && " · "}
          <a href={href(["personas"])}>{t.usedBy(voice.personas.join(", "))}</a>
        </span>
      )}
    </p>
  );
}
