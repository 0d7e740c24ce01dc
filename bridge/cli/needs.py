"""What the commands around the PersonaPlex model have in common: optional packages, and errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.engine.personaplex.config import PersonaPlexError
from bridge.facts.errors import EngineError

_EXTRA = {"torch", "safetensors", "sentencepiece", "huggingface_hub"}


@contextmanager
def personaplex() -> Iterator[None]:
    """Turn errors of the model's packages and files into errors for a person.

    The model's modules are imported inside this block: they load torch, which is optional, and slow to load.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise EngineError(
            f"the package {error.name} is not installed, and PersonaPlex needs it. Install it with: "
            "pip install 'callbridge[personaplex]'"
        ) from None
    except PersonaPlexError as error:
        raise EngineError(str(error)) from None
