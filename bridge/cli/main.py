"""The command `callbridge`: its subcommands, and how errors are told."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from bridge import __version__
from bridge.cli import (
    bench,
    bench_answer,
    bench_gate,
    call,
    calls,
    doctor,
    erase,
    gate,
    model,
    persona,
    serve,
    sip,
    talk,
    twilio,
    twilio_calls,
    voices,
    webhook,
)
from bridge.facts.errors import BridgeError

app = typer.Typer(
    name="callbridge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Answer a business telephone with an open speech-to-speech model, in full duplex.",
    epilog="Start here: `callbridge serve`, and in a second terminal `callbridge call --persona dental`.",
)
app.command("serve")(serve.serve)
app.command("settings")(serve.show_settings)
app.command("call")(call.call)
app.command("load")(call.load)
app.add_typer(persona.app, name="persona")
calls.app.command("expire")(erase.expire_calls)
calls.app.command("forget")(erase.forget_person)
app.add_typer(calls.app, name="calls")
app.add_typer(webhook.app, name="webhook")
app.add_typer(gate.app, name="gate")
bench.app.command("answer")(bench_answer.bench_answer)
bench.app.command("gate")(bench_gate.bench_gate)
app.add_typer(bench.app, name="bench")
app.add_typer(model.app, name="model")
app.add_typer(voices.app, name="voices")
app.add_typer(sip.app, name="sip")
twilio.app.command("call")(twilio_calls.call)
twilio.app.add_typer(twilio_calls.dnc, name="dnc")
app.add_typer(twilio.app, name="twilio")
app.command("talk")(talk.talk)
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"callbridge {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options that stand before every command."""


def main() -> None:
    """Run the command line. Errors that a person can mend are shown as words, not as tracebacks."""
    try:
        app()
    except BridgeError as error:
        Console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
