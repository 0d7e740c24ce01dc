"""Text ids and text: the SentencePiece model, word by word as the agent speaks. No torch."""

from __future__ import annotations

import codecs
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from bridge.engine.personaplex.config import BOS, EOS, EPAD, PAD, PersonaPlexError

CONTROL = frozenset((EPAD, BOS, EOS, PAD))

# What stands in the text for an id that has no piece; SentencePiece uses the same sign for its unknown piece.
UNKNOWN = "⁇"
_WORD = "▁"  # SentencePiece writes a leading space so


class TokeniserError(PersonaPlexError):
    """The SentencePiece file is missing or unreadable."""


class Tokeniser:
    """A SentencePiece model file. Ids 0-3 are the model's own (padding, begin, end) and have no text."""

    def __init__(self, path: Path) -> None:
        try:
            self._processor = SentencePieceProcessor(model_proto=path.read_bytes())
        except (OSError, RuntimeError) as error:
            raise TokeniserError(f"{path} cannot be read as a SentencePiece model: {error}") from error

    def __len__(self) -> int:
        """The number of pieces. A model may have more text ids than that; they read as `UNKNOWN`."""
        return int(self._processor.get_piece_size())

    def encode(self, text: str) -> list[int]:
        """Text → ids, as the prompt was trained."""
        ids: list[int] = self._processor.encode(text)
        return ids

    def piece(self, token: int) -> str | bytes:
        """The text of one id, a space before each new word; one byte of UTF-8 for a byte piece; "" for controls."""
        if token in CONTROL:
            return ""
        if not 0 <= token < len(self):
            return UNKNOWN
        piece: str = self._processor.id_to_piece(token)
        if self._processor.is_byte(token):  # written <0xE2>
            return bytes((int(piece[3:-1], 16),))
        return piece.replace(_WORD, " ")


class TextStream:
    """The ids of one call, one per 80 ms, as text. Letters of several byte pieces appear with their last one."""

    def __init__(self, tokeniser: Tokeniser) -> None:
        self._tokeniser = tokeniser
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        """The text that this id adds, often none."""
        piece = self._tokeniser.piece(token)
        if isinstance(piece, bytes):
            return self._decoder.decode(piece)
        if not piece:
            return ""  # padding stands between the bytes of a letter, too
        return self._decoder.decode(b"", final=True) + piece
