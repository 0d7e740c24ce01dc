"""`callbridge call` and `callbridge load`: callers of our own, over the carrier's real protocol."""

from __future__ import annotations

import asyncio
import gc
import re
import signal
import tempfile
from collections.abc import Coroutine
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bridge.caller.errors import CallError
from bridge.caller.host import DEFAULT_URL, Server, server_for
from bridge.caller.load import RAMP_S, LoadResult, place_load
from bridge.caller.place import CallResult, place_call
from bridge.caller.recording import BUNDLED, Recording, load_recording
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line
from bridge.cli.live import ConversationView, load_progress, show_result
from bridge.facts.settings import EngineName, Settings, load_settings
from bridge.persona.schema import E164

Result = TypeVar("Result")


def _engine(value: str | None) -> str | None:
    if value is not None and value not in get_args(EngineName):
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(get_args(EngineName))}")
    return value


def _number(value: str | None) -> str | None:
    if value is not None and not E164.fullmatch(value):
        raise typer.BadParameter(f"{value!r} is not a phone number in E.164 form, like +12025550143")
    return value


def _keys(value: str) -> str:
    if not re.fullmatch(r"[0-9A-D*#]*", value):
        raise typer.BadParameter(f"{value!r} holds something else than the keys 0-9, *, #, A-D")
    return value


UrlOption = Annotated[str | None, typer.Option(help="Address of the bridge.  [default: http://127.0.0.1:PORT]")]
EngineOption = Annotated[str | None, typer.Option(callback=_engine, help="cascade, echo or personaplex.")]
PersonaOption = Annotated[str | None, typer.Option(help="Who shall answer, by name.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
JitterOption = Annotated[float, typer.Option(min=0, max=2000, help="Delay each packet by up to so many ms, in order.")]
LossOption = Annotated[float, typer.Option(min=0, max=0.9, help="Share of packets that are lost, such as 0.02.")]
SeedOption = Annotated[int, typer.Option(help="Makes jitter and loss repeatable.")]


def call(
    wav: Annotated[
        list[Path] | None,
        typer.Option(help="What the caller says: a WAV file, or the name of one that comes along, such as u02."),
    ] = None,
    persona: PersonaOption = None,
    to: Annotated[str | None, typer.Option(callback=_number, help="The number that is dialled.")] = None,
    caller: Annotated[str, typer.Option("--from", callback=_number, help="The caller's number.")] = "+12025550199",
    url: UrlOption = None,
    engine: EngineOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for heard.wav, result.json and the server's log.")] = None,
    as_json: JsonOption = False,
    dtmf: Annotated[str, typer.Option(callback=_keys, help="Keys that are pressed after the greeting.")] = "",
    interrupt_after: Annotated[
        int | None, typer.Option(min=0, help="Speak so many ms after the agent begins, instead of letting it finish.")
    ] = None,
    patience: Annotated[float, typer.Option(min=0.5, max=120, help="Seconds to wait for an answer.")] = 10.0,
    record: Annotated[bool, typer.Option(help="Ask the server to record the call.")] = True,
    jitter_ms: JitterOption = 0.0,
    loss: LossOption = 0.0,
    seed: SeedOption = 0,
) -> None:
    """Place a call with recorded speech, exactly as Twilio would, and show the conversation.

    Each recording is played once the agent has fallen silent. Where no server answers at the default address, or one
    with another engine does, a server of its own is started for the length of the call. The persona is `--persona`,
    else the one whose number is `--to`, else DEFAULT_PERSONA, else the server's first.

    Examples:

        callbridge call --wav u02 --persona dental

        callbridge call --wav question.wav --wav goodbye.wav --to +12025550143 --out result --json

        callbridge call --wav u02 --wav u05 --interrupt-after 1500 --jitter-ms 40 --loss 0.02
    """
    if persona and to:
        raise typer.BadParameter("--persona and --to exclude each other: a number decides who answers")
    if not wav and not dtmf:
        raise typer.BadParameter("nothing to say: name at least one recording with --wav (u02 comes along)")
    recordings = [_recording(path) for path in wav or []]
    settings = load_settings()
    console = Console(stderr=as_json)
    line = Line(
        url or DEFAULT_URL, caller=caller, persona=persona, record=record, jitter_ms=jitter_ms, loss=loss, seed=seed
    )
    manners = Manners(answer=round(patience * 1000), interrupt=interrupt_after)

    async def place(log_dir: Path) -> CallResult:
        with ConversationView(console, len(recordings)) as view:
            script = Script(recordings, manners, dtmf, on_stage=view.stage)
            async with server_for(settings, url, engine, out or log_dir, view.waiting) as server:
                on_record = (lambda record: None) if as_json else view.record
                return await place_call(
                    for_server(line, server, settings, to),
                    script,
                    api_key=server.api_key,
                    on_record=on_record,
                    out=out,
                    data_dir=settings.data_dir,
                )

    with tempfile.TemporaryDirectory(prefix="callbridge-") as temporary:
        result = run_to_the_end(place(Path(temporary)))
    if as_json:
        print_json(result.as_dict())
    else:
        show_result(console, result)
    if not result.connected:
        raise typer.Exit(1)


def load(
    calls: Annotated[int, typer.Argument(min=1, max=2000, metavar="N", help="Calls at once.")],
    seconds: Annotated[float, typer.Option(min=1, max=86_400, help="Length of each call.")] = 30.0,
    url: UrlOption = None,
    engine: EngineOption = None,
    persona: PersonaOption = None,
    as_json: JsonOption = False,
    jitter_ms: JitterOption = 0.0,
    loss: LossOption = 0.0,
    seed: SeedOption = 0,
) -> None:
    """Hold N calls at once and measure the server: frames late, CPU, memory, and with cascade the time to answer.

    With the echo engine the callers talk without pause; with any other each plays the recordings that come along and
    waits for the answers. A call is completed if every expected frame came back. Which server, and which persona: as
    for `callbridge call`.

    Examples:

        callbridge load 100 --seconds 30 --engine echo

        callbridge load 4 --seconds 60 --engine cascade --persona dental --json
    """
    settings = load_settings()
    console = Console(stderr=as_json)
    line = Line(url or DEFAULT_URL, persona=persona, jitter_ms=jitter_ms, loss=loss, seed=seed)

    async def place(log_dir: Path) -> LoadResult:
        with console.status("looking for the server") if console.is_terminal else nullcontext() as status:

            def waiting(what: str) -> None:
                if status:
                    status.update(what)

            async with server_for(settings, url, engine, log_dir, waiting) as server:
                if status:
                    status.stop()
                if server.free is not None and server.free < calls:
                    console.print(f"note: the server has room for {server.free} calls; it will turn away the others")
                # A full garbage collection pauses this side for tens of ms, which would count against the server.
                gc.collect()
                gc.freeze()
                progress, moved = load_progress(console, seconds + RAMP_S)
                with progress:
                    ours = for_server(line, server, settings, None)
                    return await place_load(ours, calls, seconds, server.engine, on_progress=moved)

    with tempfile.TemporaryDirectory(prefix="callbridge-") as temporary:
        result = run_to_the_end(place(Path(temporary)))
    if as_json:
        print_json(result.as_dict())
    else:
        _show_load(console, result)
    if not result.completed:
        raise typer.Exit(1)


def _recording(path: Path) -> Recording:
    """The file, or the recording of that name that comes along."""
    along = BUNDLED / f"{path.stem}.wav"
    return load_recording(along if not path.exists() and path.parent == Path() and along.exists() else path)


def for_server(line: Line, server: Server, settings: Settings, to: str | None) -> Line:
    """The line as this server must be called: its address, its signature, and somebody who answers."""
    token = settings.twilio_auth_token
    persona = line.persona
    if persona is None and to is None:
        default = settings.default_persona
        persona = default if default in server.personas else next(iter(server.personas), None)
    if persona and server.personas and persona not in server.personas:
        raise CallError(f"the server has no persona {persona!r}; it has {', '.join(server.personas)}")
    return replace(
        line,
        url=server.url,
        public_url=server.public_url,
        to=to or line.to,
        persona=persona,
        auth_token=token.get_secret_value() if token else None,
        account_sid=settings.twilio_account_sid or line.account_sid,
    )


def run_to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end; SIGTERM ends it as Ctrl-C does, so that a server of our own is never left behind."""

    async def stoppable() -> Result:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return uvloop.run(stoppable())
    except asyncio.CancelledError:
        raise typer.Exit(143) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def print_json(content: dict[str, Any]) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


def _show_load(console: Console, result: LoadResult) -> None:
    table = Table("Figure", "Value", title=f"{result.calls} calls, {result.engine} engine")
    for name, value in result.as_dict().items():
        if value is not None and name != "problems":
            table.add_row(name, f"{value:g}" if isinstance(value, float) else str(value))
    console.print(table)
    for problem, count in result.problems.items():
        console.print(f"{count} × {problem}", style="yellow", markup=False, soft_wrap=True)
