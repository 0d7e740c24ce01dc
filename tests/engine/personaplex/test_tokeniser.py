from __future__ import annotations

import io
from pathlib import Path

import pytest
import sentencepiece

from bridge.engine.personaplex.tokeniser import UNKNOWN, TextStream, Tokeniser, TokeniserError


@pytest.fixture(scope="module")
def tokeniser(tiny: Path) -> Tokeniser:
    return Tokeniser(tiny / "tokenizer_spm_32k_3.model")


@pytest.fixture(scope="module")
def with_bytes(tmp_path_factory: pytest.TempPathFactory) -> Tokeniser:
    """A model that spells what it has no piece for in bytes, as the published one does."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat"] * 20),
        model_writer=written,
        vocab_size=290,
        byte_fallback=True,
        hard_vocab_limit=False,
        pad_id=3,
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("spm") / "bytes.model"
    path.write_bytes(written.getvalue())
    return Tokeniser(path)


def said(tokeniser: Tokeniser, tokens: list[int]) -> str:
    stream = TextStream(tokeniser)
    return "".join(stream.feed(token) for token in tokens)


def test_text_comes_back_with_its_spaces(tokeniser: Tokeniser) -> None:
    assert said(tokeniser, tokeniser.encode("the best")) == " the best"


def test_padding_and_control_ids_have_no_text(tokeniser: Tokeniser) -> None:
    assert said(tokeniser, [0, 1, 2, 3]) == ""


def test_ids_beyond_the_pieces_read_as_unknown(tokeniser: Tokeniser) -> None:
    assert len(tokeniser) == 179
    assert said(tokeniser, [299]) == UNKNOWN


def test_letter_of_several_bytes_appears_with_its_last_one(with_bytes: Tokeniser) -> None:
    tokens = with_bytes.encode("é€")
    stream = TextStream(with_bytes)
    pieces = [stream.feed(token) for token in tokens]
    assert "".join(pieces).strip() == "é€"
    assert pieces.count("") == 3


def test_padding_between_the_bytes_of_a_letter_does_not_break_it(with_bytes: Tokeniser) -> None:
    tokens = [token for pair in zip(with_bytes.encode("€"), [3] * 9, strict=False) for token in pair]
    assert said(with_bytes, tokens).strip() == "€"


def test_letter_that_is_never_finished_is_marked(with_bytes: Tokeniser) -> None:
    *_, first, _, _ = with_bytes.encode("€")
    assert said(with_bytes, [first, *with_bytes.encode("the")]) == "\ufffd the"


def test_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.model").write_bytes(b"\0nonsense")
    for name in ("x.model", "none.model"):
        with pytest.raises(TokeniserError, match=name):
            Tokeniser(tmp_path / name)
