"""Render the apologies in `bridge/assets/apologies` with SVOX Pico. Run after changing a line here."""

from pathlib import Path

import numpy as np
from py_nanotts import NanoTTS

from bridge.audio import mulaw
from bridge.audio.resample import Resampler

LINES = {
    "en": ("en-US", "I'm sorry, we have a technical problem. Please bear with me, or call again in a moment."),
    "es": ("es-ES", "Lo siento, tenemos un problema técnico. Por favor, llame de nuevo en un momento."),
    "de": ("de-DE", "Es tut mir leid, wir haben ein technisches Problem. Bitte rufen Sie gleich noch einmal an."),
    "fr": ("fr-FR", "Je suis désolée, nous avons un problème technique. Veuillez rappeler dans un instant."),
    "it": ("it-IT", "Mi dispiace, abbiamo un problema tecnico. La preghiamo di richiamare tra poco."),
}

if __name__ == "__main__":
    folder = Path(__file__).parent.parent / "bridge" / "assets" / "apologies"
    for language, (voice, line) in LINES.items():
        speech = np.frombuffer(NanoTTS().speak(line, voice=voice), np.int16).astype(np.float32) / 32768
        speech = speech[: len(speech) // 2 * 2]
        (folder / f"{language}.ulaw").write_bytes(mulaw.encode_float(Resampler(1, 2).process(speech)))
        print(f"{language}: {len(speech) / 16000:.2f} s")
