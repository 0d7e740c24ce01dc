"""Texts put to the topic gate of a persona while somebody types: what has been compiled is kept for the next letter."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge.engine.personaplex.config import TOKENISER_FILE, PersonaPlexError
from bridge.facts.speech import Speaker
from bridge.gate.rules import compile_rules
from bridge.gate.scope import Scope, compile_scope
from bridge.gate.trial import Tried, try_question, try_sentences, try_tokens
from bridge.gate.vocabulary import Piece
from bridge.persona.document import read_yaml
from bridge.persona.load import Report, examine
from bridge.persona.schema import Persona

if TYPE_CHECKING:
    from bridge.engine.embedding import Embedder

KEPT: Final = 16
"""Texts of personas, and allowed topics, that are kept compiled."""


class GateTrial:
    """Tries texts as the engine would judge them. All methods block and belong in one thread."""

    def __init__(self, model_dir: Path | None) -> None:
        """With a `model_dir` the agent's words are the tokens of the model there, else whole sentences of words.

        Where its tokeniser is missing they are sentences, too.
        """
        self._model_dir = model_dir

    def examine(self, text: str) -> Report:
        """The persona of a file's text that need not be saved, under whatever name it gives itself."""
        return _examined(text)

    def put(self, persona: Persona, text: str, speaker: Speaker) -> Tried:
        """What becomes of a text. EngineError if the persona has allowed topics, and what tells them is missing."""
        rules = compile_rules(persona.blocked)
        scope = _scope(persona) if persona.allowed else None
        if speaker == "caller":
            return try_question(persona, rules, text, scope)
        pieces = self._tokens(text)
        return (
            try_sentences(persona, rules, text, scope) if pieces is None else try_tokens(persona, rules, pieces, scope)
        )

    def _tokens(self, text: str) -> list[Piece] | None:
        if self._model_dir is None:
            return None
        try:
            from bridge.engine.personaplex.tokeniser import Tokeniser

            tokeniser = Tokeniser(self._model_dir / TOKENISER_FILE)
        except (ImportError, PersonaPlexError):
            return None
        return [tokeniser.piece(token) for token in tokeniser.encode(text)]


@lru_cache(maxsize=KEPT)
def _examined(text: str) -> Report:
    values = read_yaml(text).values
    name = values.get("name") if isinstance(values, dict) else None
    return examine(text, name if isinstance(name, str) else "")


@lru_cache(maxsize=KEPT)
def _scope(persona: Persona) -> Scope | None:
    return compile_scope(persona, _embedder().embed)


@lru_cache(maxsize=1)
def _embedder() -> Embedder:
    """Not before somebody tries a persona with allowed topics: it takes a second or two, and 250 MB from then on."""
    from bridge.engine.embedding import load_embedder

    return load_embedder()
