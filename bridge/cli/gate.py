"""`callbridge gate test|explain|calibrate`: what the topic gate would do with a text, and what it did in a call."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.calibrate import calibrate
from bridge.cli.calls import DataDir, archive
from bridge.cli.needs import personaplex
from bridge.cli.persona import Folder, load
from bridge.engine.personaplex.config import TOKENISER_FILE
from bridge.facts.errors import BridgeError
from bridge.facts.settings import Settings, load_settings
from bridge.gate.rules import Rules, compile_rules
from bridge.gate.scope import Scope, compile_scope
from bridge.gate.trial import LONGEST_TEXT, Tried, try_sentences, try_tokens
from bridge.gate.vocabulary import Piece
from bridge.persona.schema import Persona
from bridge.server.journal import read_transcript
from bridge.transcript.lines import clean, clock
from bridge.transcript.records import Record, VerdictRecord
from bridge.transcript.turns import Turn, turns

app = typer.Typer(
    no_args_is_help=True, help="Try the topic gate on a text, calibrate it, and see what it did in a call."
)
app.command()(calibrate)

_BEFORE = 3
"""Things said before a verdict that `explain` shows with it."""

_TAKEN_BACK_MS = 1000
"""What was cleared so soon after a verdict's time was cleared by it: frames travel to the call and on."""

_AFTER = 2
"""Things said after it: the refusal, and what the caller said to that."""


@app.command("test")
def try_text(
    persona: Annotated[str, typer.Option(metavar="NAME", help="Name of the persona, or a persona file.")],
    text: Annotated[str | None, typer.Option(help="What the model would like to say.")] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One text per line, - for standard input; prints the results.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per token, and a last one.")] = False,
    folder: Folder = None,
) -> None:
    """Show token by token what the gate would do with a text, and what a caller would hear.

    With ENGINE=personaplex the tokens are those of the tokeniser in MODEL_DIR. Else they are words, and a sentence that
    is stopped is left out whole, as the cascade engine does. `forbid` stands at tokens that are dropped before they
    are heard, with the persona's `gate.hold`; `refuse` at the token at which the refusal begins.

    Examples:

        callbridge gate test --persona dental --text "Take two ibuprofen."

        callbridge gate test --persona dental --file sentences.txt --json
    """
    if (text is None) == (file is None):
        raise typer.BadParameter("give either --text or --file")
    used = load(persona, folder)
    attempt = _Attempt(used, load_settings())
    if text is not None:
        _check_length(text)
        _show(attempt.put(text), as_json=as_json)
        return
    assert file is not None
    for line in _lines(file):
        _check_length(line)
        tried = attempt.put(line)
        typer.echo(json.dumps(_last(tried), ensure_ascii=False) if as_json else _result(tried))


@app.command()
def explain(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="The call's id, or its beginning.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per verdict.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show each verdict of a call with what was said before and after it, and what of the phrase was heard.

    Examples:

        callbridge gate explain 3f9a

        callbridge gate explain 3f9a --json
    """
    with archive(data_dir) as (settings, store):
        entry = store.find(call_id)
        reading = read_transcript(settings.data_dir, entry.transcript)
    found = list(_verdicts(reading.records))
    for verdict, before, after in found:
        if as_json:
            told = {**_fields(verdict), "context": _as_objects(before), "after": _as_objects(after)}
            typer.echo(json.dumps(told, ensure_ascii=False))
        else:
            typer.echo("\n".join(_explained(verdict, before, after)) + "\n")
    if not found and not as_json:
        typer.echo(f"The gate stopped nothing in call {entry.call_id}.")


class _Attempt:
    """A persona's gate, with the pieces of the engine that is set."""

    def __init__(self, persona: Persona, settings: Settings) -> None:
        self._persona = persona
        self._rules: Rules = compile_rules(persona.blocked)
        self._model_dir = settings.model_dir if settings.engine == "personaplex" else None

    @cached_property
    def _scope(self) -> Scope | None:
        if self._persona.allowed is None:
            return None
        from bridge.engine.embedding import load_embedder

        return compile_scope(self._persona, load_embedder().embed)

    def put(self, text: str) -> Tried:
        if self._model_dir is None:
            return try_sentences(self._persona, self._rules, text, self._scope)
        with personaplex():
            from bridge.engine.personaplex.tokeniser import Tokeniser

            tokeniser = Tokeniser(self._model_dir / TOKENISER_FILE)
            pieces: list[Piece] = [tokeniser.piece(token) for token in tokeniser.encode(text)]
        return try_tokens(self._persona, self._rules, pieces, self._scope)


def _show(tried: Tried, *, as_json: bool) -> None:
    for judged in tried.pieces:
        if as_json:
            typer.echo(json.dumps(asdict(judged), ensure_ascii=False))
        else:
            why = f"  {judged.phrase}" if judged.phrase else ""
            typer.echo(f"{judged.action:<7} {clean(judged.piece)!r}{why}")
    typer.echo(json.dumps(_last(tried), ensure_ascii=False) if as_json else _result(tried))


def _last(tried: Tried) -> dict[str, Any]:
    return {"blocked": tried.verdict is not None, "phrase": tried.phrase, "spoken": tried.spoken}


def _result(tried: Tried) -> str:
    what = f"blocked ({tried.phrase})" if tried.phrase else "passed"
    return f"{what}: {clean(tried.spoken)}"


def _check_length(text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise BridgeError(f"a text may have {LONGEST_TEXT:,} characters, and this one has {len(text):,}: split it up")


def _lines(file: Path) -> Iterator[str]:
    try:
        whole = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
    except OSError as error:
        raise BridgeError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BridgeError(f"{file} is not UTF-8 text; save it as UTF-8") from None
    return (line for line in whole.splitlines() if line.strip())


def _verdicts(records: Sequence[Record]) -> Iterator[tuple[VerdictRecord, list[Turn], list[Turn]]]:
    """Each verdict with what was said before and after it."""
    said = turns(records)
    for record in records:
        if isinstance(record, VerdictRecord):
            before = [turn for turn in said if _came_before(turn, record)]
            yield record, before[-_BEFORE:], [turn for turn in said if turn not in before][:_AFTER]


def _came_before(turn: Turn, verdict: VerdictRecord) -> bool:
    late = _TAKEN_BACK_MS if turn.reason == "gate" else 0
    return turn.start_ms <= verdict.at_ms + late


def _as_objects(said: Sequence[Turn]) -> list[dict[str, Any]]:
    return [
        {"speaker": turn.speaker, "text": turn.text, "start_ms": turn.start_ms, "heard": turn.heard} for turn in said
    ]


def _fields(verdict: VerdictRecord) -> dict[str, Any]:
    names = ("at_ms", "phrase", "topic", "speaker", "action", "withheld", "audible", "begun", "heard")
    return {name: getattr(verdict, name) for name in names}


def _explained(verdict: VerdictRecord, before: Sequence[Turn], after: Sequence[Turn]) -> Iterator[str]:
    met = "the caller's question" if verdict.speaker == "caller" else "the agent's words"
    yield f"{clock(verdict.at_ms)}  {verdict.action}: {verdict.phrase} ({verdict.topic}), met by {met}"
    yield from map(_line, before)
    if verdict.withheld:
        yield f"    withheld: {clean(verdict.withheld).strip()}"
    if verdict.audible:
        yield f"    Its beginning was heard: {clean(verdict.heard).strip()}"
    else:
        yield "    Nothing of it was heard."
    yield from map(_line, after)


def _line(turn: Turn) -> str:
    unheard = "" if turn.heard else "  [not heard]"
    return f"    {clock(turn.start_ms)} {turn.speaker}: {clean(turn.text)}{unheard}"
