"""`callbridge api`: the description of the HTTP API, for programs that read it."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from bridge.caller.host import DEFAULT_URL
from bridge.facts.errors import SettingsError
from bridge.facts.settings import Settings


def describe_api(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Instead of the standard output.")] = None,
    url: Annotated[str, typer.Option(help="The server's address, as the description names it.")] = DEFAULT_URL,
) -> None:
    """Print the description of the HTTP API (OpenAPI 3.1, JSON). No server needs to run; one has it at `/openapi.json`.

    Examples:

        callbridge api --out openapi.json

        callbridge api --url https://bridge.example.com
    """
    text = json.dumps(description(url.rstrip("/")), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror}.") from None
    typer.echo(f"written to {out}", err=True)


def description(url: str) -> dict[str, Any]:
    """What a server at `url` says of itself, whatever the settings: it is made in an empty folder, and never runs."""
    from bridge.server.app import Server  # the command line is quick without it, and `--help` needs none

    with TemporaryDirectory(prefix="callbridge-") as folder:
        place = Path(folder)
        settings = Settings.model_construct(  # defaults alone, whatever the environment says
            engine="echo", port=0, public_url=url, personas_dir=place, data_dir=place / "data"
        )
        server = Server(settings)
        try:
            return server.api.openapi()
        finally:
            server.close()
