"""`callbridge bench answer`: how soon a call is answered, over the carrier's real protocol."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bridge.caller.answer import AnswerResult, measure_answers
from bridge.caller.host import DEFAULT_URL, server_for
from bridge.caller.webhook import Line
from bridge.cli.call import EngineOption, JsonOption, PersonaOption, UrlOption, for_server, print_json, run_to_the_end
from bridge.cli.needs import personaplex
from bridge.facts.errors import EngineError
from bridge.facts.settings import load_settings

_PERSONA: Final = """\
name: bench
business: A Shop
description: a shop
agent_name: Ada
voice: {voice}
greeting: Thank you for calling, how can I help you?
refusal: I can't talk about that.
"""


def bench_answer(
    calls: Annotated[int, typer.Option(min=1, max=100_000, help="Calls that are measured, one after the other.")] = 100,
    beside: Annotated[int, typer.Option(min=0, max=1000, help="Other calls that go on meanwhile.")] = 0,
    model: Annotated[
        Path | None,
        typer.Option(
            help="A PersonaPlex snapshot, for a server of its own.", exists=True, file_okay=False, show_default=False
        ),
    ] = None,
    url: UrlOption = None,
    engine: EngineOption = None,
    persona: PersonaOption = None,
    seed: Annotated[int, typer.Option(help="Makes the moments at which calls begin repeatable.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure how soon a call is answered: from the stream's start to the first agent audio that comes.

    Before there can be an answer the caller's first frame of 80 ms has to be spoken, and the caller here sends the
    first packet 20 to 40 ms after the start; the time beyond that first frame is shown as well. Which server: as for
    `callbridge call`; with --model one of its own, with a persona of its own.

    Examples:

        callbridge bench answer --engine echo --calls 20

        callbridge bench answer --model models/personaplex-7b-v1 --beside 31 --json
    """
    if model and (url or engine or persona):
        raise typer.BadParameter("--model starts a server of its own: leave out --url, --engine and --persona")
    settings = load_settings()
    console = Console(stderr=as_json)

    async def measure(folder: Path) -> AnswerResult:
        own = _own_server(model, beside, folder) if model else None
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=None)

            def waiting(what: str) -> None:
                progress.update(task, description=what)

            async with server_for(settings, url, "personaplex" if model else engine, folder, waiting, own) as server:
                progress.update(task, description="calls are placed", total=calls)
                return await measure_answers(
                    for_server(Line(url or DEFAULT_URL, persona=persona, record=False), server, settings, None),
                    calls,
                    server.engine,
                    beside=beside,
                    seed=seed,
                    on_call=lambda done: progress.update(task, completed=done),
                )

    with tempfile.TemporaryDirectory(prefix="callbridge-") as temporary:
        result = run_to_the_end(measure(Path(temporary)))
    if as_json:
        print_json(result.as_dict())
    else:
        _show(console, result)
    if result.answered < result.calls:
        raise typer.Exit(1)


def _own_server(model: Path, beside: int, folder: Path) -> Mapping[str, str]:
    """Settings of a server with this model, its files in `folder`: a slot for each call, and one for the call that is
    just ending."""
    with personaplex():
        from bridge.engine.personaplex.voices import list_voices

        voice = next((voice.name for voice in list_voices(model) if voice.path), None)
    if voice is None:
        raise EngineError(f"{model} holds no voice in its folder voices, and PersonaPlex cannot speak without one.")
    personas = folder / "personas"
    personas.mkdir()
    (personas / "bench.yaml").write_text(_PERSONA.format(voice=voice))
    return {
        "MODEL_DIR": str(model.resolve()),
        "PERSONAS_DIR": str(personas),
        "DATA_DIR": str(folder / "data"),
        "DEFAULT_PERSONA": "bench",
        "SLOTS": str(beside + 2),
    }


def _show(console: Console, result: AnswerResult) -> None:
    def shown(value: float | None) -> str:
        return "–" if value is None else f"{value:.1f} ms"

    others = f", {result.beside} others going on" if result.beside else ""
    table = Table("From start to first agent audio", "Measured", title=f"{result.calls} calls, {result.engine}{others}")
    table.add_row("answered", f"{result.answered} of {result.calls}")
    table.add_row("p50", shown(result.answer_ms_p50))
    table.add_row("p99", shown(result.answer_ms_p99))
    table.add_row("longest", shown(result.answer_ms_max))
    table.add_row("p50 beyond the first frame of 80 ms", shown(result.beyond_first_frame_ms_p50))
    table.add_row("p99 beyond the first frame of 80 ms", shown(result.beyond_first_frame_ms_p99))
    console.print(table)
    for problem, count in result.problems.items():
        console.print(f"{count} × {problem}", style="yellow", markup=False, soft_wrap=True)
