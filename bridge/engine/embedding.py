"""Texts as vectors whose nearness is nearness in meaning: all-MiniLM-L6-v2, int8, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from bridge.engine import weights
from bridge.gate.scope import Vectors

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

    def is_word(self, text: str) -> bool:
        """Whether this, in small letters, is one of the 20,000 English words of the vocabulary, and not only parts."""
        return self._tokenizer.token_to_id(text) is not None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the texts, float32, shape (len(texts), 384). The cosine of two is their dot product."""
        vectors = np.zeros((len(texts), 384), np.float32)
        # Texts of one length together: the others of a batch are filled up to its longest.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            vectors[batch] = self._embed_batch([texts[place] for place in batch])
        return vectors

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


def load_embedder() -> Embedder:
    """The embedder of the installed package, in a quarter of a second. Raises EngineError if its weights are missing.

    Nor may they be others than those that are pinned.
    """
    model = weights.locate(weights.MINILM) / "model.onnx"
    vocabulary = weights.locate(weights.VOCABULARY) / "vocab.txt"
    return Embedder(model, vocabulary)
