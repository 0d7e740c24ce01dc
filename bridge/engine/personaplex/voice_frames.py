"""How many frames a saved voice takes of a prompt, told from its file without reading its numbers. No torch."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open

from bridge.engine.personaplex.voices import VoiceError

MAX_INDEX: Final = 1 << 20
"""Bytes of the list of tensors in a `.pt`; that of a voice has under a thousand."""

_DAMAGED: Final = (
    *(OSError, SafetensorError, zipfile.BadZipFile, pickle.UnpicklingError, EOFError),
    # what a pickle that was made to do harm makes of the unpickler
    *(LookupError, TypeError, ValueError, AttributeError, RuntimeError),
)


def saved_frames(path: Path) -> int:
    """The frames of a voice in `.pt` or `.safetensors`. Raises `VoiceError` for what cannot be read as one."""
    try:
        shape = _safetensors_shape(path) if path.suffix == ".safetensors" else _pt_shape(path)
        return int(shape[0]) + 1
    except _DAMAGED as error:
        raise VoiceError(f"{path} cannot be read as a voice: {error}") from error


def _safetensors_shape(path: Path) -> tuple[int, ...]:
    with safe_open(path, framework="np") as file:
        return tuple(file.get_slice("embeddings").get_shape())


def _pt_shape(path: Path) -> tuple[int, ...]:
    with zipfile.ZipFile(path) as archive:
        index = next((entry for entry in archive.infolist() if entry.filename.endswith("/data.pkl")), None)
        if index is None or index.file_size > MAX_INDEX:
            raise LookupError("it has no list of tensors, or one that is too long")
        with archive.open(index) as file:
            content = _Shapes(file).load()
    shape = content.get("embeddings") if isinstance(content, dict) else None
    if not isinstance(shape, tuple):
        raise LookupError("it holds no embeddings")
    return shape


class _Shapes(pickle.Unpickler):
    """Reads tensors as their shapes. Of what a pickle may name, nothing is imported and nothing called but these."""

    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for what makes a tensor."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, *rest: tuple(size)
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no voice does")

    def persistent_load(self, pid: Any) -> None:
        """The numbers themselves stay where they are."""
