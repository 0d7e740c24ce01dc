"""The command `callbridge`: its subcommands, and how errors are told."""

from __future__ import annotations

import sys
from collections import UserDict
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup
from typer.main import get_group

from bridge import __version__
from bridge.facts.errors import BridgeError

# Where each command, or group of commands, is defined. It is imported when it is called: the server, the library for
# Twilio and the caller of our own take over a second together, and hardly a command needs them all.
COMMANDS: Final = {
    "serve": "serve:serve",
    "settings": "serve:show_settings",
    "call": "call:call",
    "load": "call:load",
    "talk": "talk:talk",
    "doctor": "doctor:doctor",
    "persona": "persona:app",
    "calls": "calls:app",
    "webhook": "webhook:app",
    "keys": "keys:app",
    "console": "keys:console",
    "api": "api:describe_api",
    "gate": "gate:app",
    "bench": "bench:app",
    "model": "model:app",
    "voices": "voices:app",
    "sip": "sip:app",
    "twilio": "twilio:app",
}
# Commands of a group that are defined in files of their own.
ADDED: Final = {
    "calls": {"expire": "erase:expire_calls", "forget": "erase:forget_person"},
    "bench": {"answer": "bench_answer:bench_answer", "gate": "bench_gate:bench_gate"},
    "twilio": {"call": "twilio_calls:call", "dnc": "twilio_calls:dnc"},
}
MARKUP: Final = "markdown"


class OnDemand(UserDict[str, Any]):
    """Commands by their names: each is there, or is the place to import it from until it is asked for."""

    def __getitem__(self, name: str) -> Any:
        """The command, imported."""
        if isinstance(self.data[name], str):
            self.data[name] = _imported(name, self.data[name])
        return self.data[name]


class Commands(TyperGroup):
    """A group whose commands are those of `COMMANDS`."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.commands = OnDemand(COMMANDS)


def _imported(name: str, place: str) -> Any:
    module, attribute = place.split(":")
    found = getattr(import_module(f"bridge.cli.{module}"), attribute)
    parent = typer.Typer(rich_markup_mode=MARKUP, pretty_exceptions_enable=False)
    if not isinstance(found, typer.Typer):
        parent.command(name)(found)
        return get_group(parent).commands[name]
    parent.add_typer(found, name=name)
    group: Any = get_group(parent).commands[name]
    group.commands = OnDemand(group.commands | ADDED.get(name, {}))
    return group


app = typer.Typer(
    name="callbridge",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    help="Answer a business telephone with an open speech-to-speech model, in full duplex.",
    epilog="Start here: `callbridge serve`, and in a second terminal `callbridge call --persona dental`.",
)


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
