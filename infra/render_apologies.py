"""Render the lines in `bridge/assets/apologies` and `…/moments` with SVOX Pico. Run after changing a line here."""

from pathlib import Path

import numpy as np
from py_nanotts import NanoTTS

from bridge.audio import mulaw
from bridge.audio.resample import Resampler

VOICES = {"en": "en-US", "es": "es-ES", "de": "de-DE", "fr": "fr-FR", "it": "it-IT"}
LINES = {
    "apologies": {
        "en": "I'm sorry, we have a technical problem. Please bear with me, or call again in a moment.",
        "es": "Lo siento, tenemos un problema técnico. Por favor, llame de nuevo en un momento.",
        "de": "Es tut mir leid, wir haben ein technisches Problem. Bitte rufen Sie gleich noch einmal an.",
        "fr": "Je suis désolée, nous avons un problème technique. Veuillez rappeler dans un instant.",
        "it": "Mi dispiace, abbiamo un problema tecnico. La preghiamo di richiamare tra poco.",
    },
    "moments": {
        "en": "One moment, please.",
        "es": "Un momento, por favor.",
        "de": "Einen Moment, bitte.",
        "fr": "Un instant, s'il vous plaît.",
        "it": "Un momento, per favore.",
    },
}

if __name__ == "__main__":
    for folder, lines in LINES.items():
        assets = Path(__file__).parent.parent / "bridge" / "assets" / folder
        assets.mkdir(exist_ok=True)
        for language, line in lines.items():
            speech = np.frombuffer(NanoTTS().speak(line, voice=VOICES[language]), np.int16).astype(np.float32) / 32768
            if folder == "moments":  # music follows at once
                speech = speech[: np.flatnonzero(np.abs(speech) > 0.01)[-1] + 1600]
            speech = speech[: len(speech) // 2 * 2]
            (assets / f"{language}.ulaw").write_bytes(mulaw.encode_float(Resampler(1, 2).process(speech)))
            print(f"{folder}/{language}: {len(speech) / 16000:.2f} s")
