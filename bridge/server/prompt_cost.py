"""What a persona's prompt takes of the 240 s that PersonaPlex can look back on.

Where the model's own tokeniser and voices are on this machine the count is exact; else it is an estimate, and says so.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge.engine.personaplex.config import TOKENISER_FILE, Config, PersonaPlexError, load_config
from bridge.facts.formats import FRAME_MS
from bridge.persona.prompt import ADVISED_CHARACTERS, model_prompt
from bridge.persona.schema import Persona

if TYPE_CHECKING:
    from bridge.engine.personaplex.tokeniser import Tokeniser

CHARACTERS_PER_TOKEN: Final = 4.0
"""For the estimate: about what a token of English prose has, as `ADVISED_CHARACTERS` counts."""

PUBLISHED_VOICE_FRAMES: Final = 50
"""For the estimate: about what a published voice has, 4 s."""


@dataclass(frozen=True, slots=True)
class PromptCost:
    """A whole prompt: voice, silence, text, silence. One token of the text takes one frame of 80 ms.

    `exact` is false where `tokens` or the voice's frames were estimated. `seconds` is `frames` as time, `share` their
    part of the window of `window_frames`.
    """

    tokens: int
    exact: bool
    frames: int
    seconds: float
    advised_frames: int
    window_frames: int
    share: float


class PromptMeter:
    """Counts prompts. All methods block; any thread may call them."""

    def __init__(self, model_dir: Path, custom_voice_dir: Path | None = None, *, closing_tag: bool = False) -> None:
        """The folders need not exist. `closing_tag` as the engine has it."""
        self.closing_tag = closing_tag
        self._model_dir, self._custom_voice_dir = model_dir, custom_voice_dir
        self._lock = threading.Lock()

    def prompt(self, persona: Persona) -> str:
        """The prompt as the engine makes it."""
        return model_prompt(persona, self.closing_tag)

    def cost(self, persona: Persona) -> PromptCost:
        """What its prompt takes."""
        config = self._config()
        text = self.prompt(persona)
        tokens = self._tokens(text)
        voice = self._voice_frames(persona.voice)
        exact = tokens is not None and voice is not None
        count = math.ceil(len(text) / CHARACTERS_PER_TOKEN) if tokens is None else tokens
        frames = (PUBLISHED_VOICE_FRAMES if voice is None else voice) + 2 * config.prompt.silence_frames + count
        return PromptCost(
            tokens=count,
            exact=exact,
            frames=frames,
            seconds=round(frames * FRAME_MS / 1000, 2),
            advised_frames=round(ADVISED_CHARACTERS / CHARACTERS_PER_TOKEN),
            window_frames=config.lm.context,
            share=round(frames / config.lm.context, 4),
        )

    def _config(self) -> Config:
        try:
            return load_config(self._model_dir)
        except PersonaPlexError:  # the engine says what is wrong with it
            return Config()

    def _tokens(self, text: str) -> int | None:
        path = self._model_dir / TOKENISER_FILE
        try:
            status = path.stat()
            with self._lock:
                return len(_tokeniser(path, status.st_mtime_ns, status.st_size).encode(text))
        except (ImportError, OSError, PersonaPlexError):
            return None

    def _voice_frames(self, name: str) -> int | None:
        try:
            from bridge.engine.personaplex.voice_frames import saved_frames
            from bridge.engine.personaplex.voices import find_voice

            path = find_voice(name, self._model_dir, self._custom_voice_dir).path
            return saved_frames(path) if path else None
        except (ImportError, OSError, PersonaPlexError):
            return None


@lru_cache(maxsize=1)
def _tokeniser(path: Path, changed: int, size: int) -> Tokeniser:
    """The model's tokeniser, read again when its file is another."""
    from bridge.engine.personaplex.tokeniser import Tokeniser

    return Tokeniser(path)
