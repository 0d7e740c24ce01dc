"""`callbridge serve` and `callbridge settings`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
import uvloop
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from bridge.facts.settings import EngineName, Settings, load_settings


def _engine(value: str | None) -> str | None:
    if value is not None and value not in get_args(EngineName):
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(get_args(EngineName))}")
    return value


def serve(
    engine: Annotated[
        str | None, typer.Option(callback=_engine, help="cascade (CPU), echo (tests) or personaplex (GPU).")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = None,
    personas: Annotated[Path | None, typer.Option(help="Folder of the persona files.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for transcripts, recordings and the call index.")] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Listen beyond loopback without an auth token.")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Place one demonstration call when ready, show it, and go on serving.")
    ] = False,
) -> None:
    """Answer calls until told to stop.

    The first Ctrl-C (or SIGTERM) takes no new calls and lets those in progress end; the second stops at once.
    Options win over the environment, and the environment over `.env`; see `callbridge settings`.

    Examples:

        callbridge serve

        callbridge serve --engine echo --port 9000

        PUBLIC_URL=https://bridge.example.com TWILIO_AUTH_TOKEN=… callbridge serve --host 0.0.0.0
    """
    settings = load_settings(
        engine=engine, host=host, port=port, personas_dir=personas, data_dir=data, insecure=insecure
    )
    set_up_logging(settings)
    uvloop.run(_serve(settings, demo=demo))


async def _serve(settings: Settings, *, demo: bool) -> None:
    # `callbridge settings` is told from this file too, and needs no server, which takes a second to import.
    from bridge.cli.demo import place_demonstration_call
    from bridge.server.app import Server

    await Server(settings).serve(place_demonstration_call if demo else None)


def set_up_logging(settings: Settings) -> None:
    """Log to standard error, so that standard output stays a command's own."""
    console = Console(stderr=True)
    handler: logging.Handler = logging.StreamHandler()
    layout = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    if console.is_terminal:
        handler, layout = RichHandler(console=console, show_path=False, markup=False), "%(name)s: %(message)s"
    logging.basicConfig(level=settings.log_level.upper(), format=layout, handlers=[handler], force=True)
    # These log each request, and their own addresses hold tokens.
    for name in ("uvicorn", "uvicorn.error", "httpx", "httpcore", "websockets", "twilio.http_client"):
        logging.getLogger(name).setLevel(logging.WARNING)


def show_settings(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    example: Annotated[bool, typer.Option("--example", help="Print the content of .env.example.")] = False,
) -> None:
    """Show every setting: its name, value and meaning. Secrets show only whether they are set.

    Examples:

        callbridge settings

        PORT=9000 callbridge settings --json
    """
    if example:
        typer.echo(env_example(), nl=False)
        return
    settings = load_settings()
    rows = {
        name.upper(): (_shown(getattr(settings, name)), _shown(field.get_default()), field.description or "")
        for name, field in Settings.model_fields.items()
    }
    if as_json:
        typer.echo(json.dumps({n: {"value": v, "default": d, "meaning": m} for n, (v, d, m) in rows.items()}, indent=1))
        return
    table = Table("Setting", "Value", "Default", "Meaning")
    for name, (value, default, meaning) in rows.items():
        changed = "bold" if value != default else ""
        table.add_row(name, f"[{changed}]{value}[/]" if changed else value, default, meaning)
    Console().print(table)


def env_example() -> str:
    """The content of `.env.example`: every setting with its meaning and its default, commented out."""
    lines = [
        "# Settings of callbridge. Copy this file to .env and remove the # before what you change.",
        "# The environment wins over this file, and options of the command line win over both.",
        "# `callbridge settings` shows what is in force.",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = str(int(default)) if isinstance(default, bool) else _shown(default)
        lines += ["", f"# {field.description}", f"#{name.upper()}={shown}"]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
