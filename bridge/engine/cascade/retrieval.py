"""Which known question is nearest in meaning? Sentence embeddings and cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from bridge.engine.embedding import Embedder
from bridge.gate.scope import Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """A text by which an entry can be found, and how much its nearness counts."""

    text: str
    entry: T
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Index(Generic[T]):
    """Unit vectors, float32, shape (n, 384); the weight of each, shape (n,); and what each of them stands for."""

    vectors: Vectors
    weights: Vectors
    entries: tuple[T, ...]

    def nearest(self, vector: Vectors) -> tuple[float, T] | None:
        """Nearness (weighted cosine, at most 1) and entry of what is nearest to this unit vector; None if empty."""
        if not self.entries:
            return None
        nearness = (self.vectors @ vector) * self.weights
        best = int(np.argmax(nearness))
        return min(float(nearness[best]), 1.0), self.entries[best]


def build_index(embedder: Embedder, keys: Sequence[Key[T]]) -> Index[T]:
    """Index entries by the meaning of their keys."""
    return Index(
        embedder.embed([key.text for key in keys]),
        np.array([key.weight for key in keys], np.float32),
        tuple(key.entry for key in keys),
    )
