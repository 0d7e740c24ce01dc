"""Making a voice in a process of its own: `bridge.engine.errand`."""

from __future__ import annotations

from pathlib import Path

from bridge.engine import errand
from bridge.engine.personaplex.config import PersonaPlexError


def make(order: errand.Told, tell: errand.Tell) -> errand.Told:
    """Make the voice `name` of `recording`, a WAV file, for the model in `model_dir`; keep it in `voice_dir`.

    On the CPU: the GPU is the engine's. Raises `PersonaPlexError`, and ModuleNotFoundError without torch.
    """
    try:
        from bridge.engine.personaplex.voice_files import make_voice, voice_model
    except ModuleNotFoundError as error:
        raise PersonaPlexError(
            f"the package {error.name} is not installed, and making a voice needs it: "
            "pip install 'callbridge[personaplex]'"
        ) from None
    made = make_voice(
        voice_model(Path(order["model_dir"])),
        Path(order["recording"]),
        Path(order["voice_dir"]),
        order["name"],
        language=order["language"],
    )
    return {"seconds": made.seconds, "loudness": made.loudness, "advice": list(made.advice)}


if __name__ == "__main__":
    errand.serve(make, (PersonaPlexError, OSError))
