"""Which known question is nearest in meaning? Sentence embeddings (all-MiniLM-L6-v2, int8) and cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

Vectors = npt.NDArray[np.float32]
"""Unit vectors, float32, shape (n, 384)."""

_MAX_TOKENS: Final = 128
"""Word pieces of one text that are looked at: the length the model was trained with."""

_BATCH: Final = 32


class Embedder:
    """Texts to unit vectors, for any number of threads; 3 to 4 ms a sentence on one core."""

    def __init__(self, model: Path, vocabulary: Path) -> None:
        """Load the ONNX model and the WordPiece vocabulary, one entry a line."""
        options = onnxruntime.SessionOptions()
        # Sentences are too short for two threads, and the recogniser needs the other core.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = _tokenizer(vocabulary)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the texts, float32, shape (len(texts), 384). The cosine of two is their dot product."""
        batches = [self._embed_batch(texts[begin : begin + _BATCH]) for begin in range(0, len(texts), _BATCH)]
        return np.concatenate(batches) if batches else np.zeros((0, 384), np.float32)

    def _embed_batch(self, texts: Sequence[str]) -> Vectors:
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = np.array([encoding.ids for encoding in encodings], np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: npt.NDArray[np.float32] = self._session.run(["last_hidden_state"], inputs)[0]
        mean = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit: Vectors = (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)
        return unit


def _tokenizer(vocabulary: Path) -> Tokenizer:
    """BERT's uncased WordPiece: lower case, accents stripped, `[CLS] text [SEP]`."""
    entries = vocabulary.read_text("utf-8").splitlines()
    numbered = {entry: number for number, entry in enumerate(entries)}
    tokenizer = Tokenizer(WordPiece(numbered, unk_token="[UNK]"))  # noqa: S106 - a word piece, no password
    tokenizer.normalizer = BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", entries.index("[CLS]")), ("[SEP]", entries.index("[SEP]"))],
    )
    tokenizer.enable_truncation(_MAX_TOKENS)
    tokenizer.enable_padding()
    return tokenizer


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
