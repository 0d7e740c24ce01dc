"""`callbridge keys` and `callbridge console`: who may use the HTTP API, and a way into the console."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, cast

import httpx
import typer
from rich.console import Console
from rich.table import Table

from bridge.caller.host import api_key_of, default_url
from bridge.cli.calls import AsJson
from bridge.cli.lines import local_time
from bridge.facts.addresses import is_loopback
from bridge.facts.errors import BridgeError
from bridge.facts.settings import MAX_DAYS, load_settings
from bridge.server.access.keys import NAME, ApiKeys, KeyEntry
from bridge.server.access.scopes import ALL_SCOPES, Scope

TIMEOUT_S: Final = 10.0
"""Longest wait for the bridge."""

app = typer.Typer(no_args_is_help=True, help="Keys for the HTTP API: make them, list them, revoke them.")


class NoConsoleError(BridgeError):
    """There is no way into the console."""


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise typer.BadParameter(f"{value!r}: write up to 64 of a-z 0-9 . _ -, beginning with a letter or a digit")
    return value


NameArgument = Annotated[str, typer.Argument(callback=_name, help="What the key is called, such as reception.")]


@app.command("create")
def create(
    name: NameArgument,
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it is good for; may be repeated. One of {', '.join(sorted(ALL_SCOPES))}."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Good for everything.")] = False,
    expires_days: Annotated[
        int | None, typer.Option("--expires-days", "--expires", min=1, max=MAX_DAYS, help="Works for so many days.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown once, and works at once, in a running server too.

    Examples:

        callbridge keys create reception --scope calls:read --scope talk

        callbridge keys create nightly-export --scope calls:read --expires-days 30 --json
    """
    if wrong := set(scope or ()) - ALL_SCOPES:
        raise typer.BadParameter(f"{min(wrong)!r} is no scope; there are {', '.join(sorted(ALL_SCOPES))}")
    if everything == bool(scope):
        raise typer.BadParameter("say what the key is good for: either --scope, once or more, or --all")
    scopes = ALL_SCOPES if everything else frozenset(cast(list[Scope], scope))
    with _keys() as keys:
        key, entry = keys.create(name, scopes, timedelta(days=expires_days) if expires_days else None)
    if as_json:
        typer.echo(json.dumps(_plain(entry) | {"key": key}))
        return
    until = f" until {local_time(entry.expires_at)}" if entry.expires_at else ""
    typer.echo(f"{name} is good for {', '.join(entry.scopes)}{until}. The key, which is shown only now:", err=True)
    typer.echo(key)


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """List the keys that were made, the newest first. API_KEY is not among them.

    Examples:

        callbridge keys list

        callbridge keys list --json
    """
    with _keys() as keys:
        entries = keys.listed()
        expired = {entry.key_id for entry in entries if keys.expired(entry)}
    if as_json:
        typer.echo(json.dumps([_plain(entry) | {"expired": entry.key_id in expired} for entry in entries], indent=2))
        return
    table = Table("Name", "Begins", "Good for", "Made", "Expires")
    for entry in entries:
        until = local_time(entry.expires_at) if entry.expires_at else "never"
        good_for = "everything" if frozenset(entry.scopes) == ALL_SCOPES else ", ".join(entry.scopes)
        made = local_time(entry.created_at)
        table.add_row(
            entry.name, entry.prefix, good_for, made, f"expired {until}" if entry.key_id in expired else until
        )
    Console().print(table if entries else "No key was made. API_KEY, or DATA_DIR/api.key, is good for everything.")


@app.command("revoke")
def revoke(name: NameArgument) -> None:
    """Revoke a key. It stops working at once, and so do sessions of the console that were begun with it.

    Example:

        callbridge keys revoke reception
    """
    with _keys() as keys:
        gone = keys.revoke(name)
    typer.echo("revoked" if gone else "there is no such key")
    if not gone:
        raise typer.Exit(1)


def console(
    url: Annotated[str | None, typer.Option(help="Address of the bridge. Without it, this machine's.")] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only print the link.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a link into the console of a running bridge, and open it where there is a desktop.

    The link works once, for two minutes. It is made with API_KEY, or with the key in DATA_DIR.

    Examples:

        callbridge console

        callbridge console --no-open
    """
    settings = load_settings()
    url = (url or default_url(settings)).rstrip("/")
    made = _link(url, api_key_of(settings))
    here, outside = (f"{address}/#token={made['token']}" for address in (url, made["public_url"]))
    if as_json:
        typer.echo(json.dumps({"url": here, "public_url": outside, "seconds": made["seconds"]}))
        return
    typer.echo(here)
    if outside != here:
        typer.echo(f"From elsewhere: {outside}", err=True)
    typer.echo(f"It works once, for {made['seconds']:.0f} seconds.", err=True)
    if not no_open and _has_desktop():
        webbrowser.open(here)


def _link(url: str, key: str | None) -> dict[str, Any]:
    if not key:
        raise NoConsoleError("there is no key here: set API_KEY, or run this where the server's DATA_DIR is.")
    try:
        with httpx.Client(trust_env=not is_loopback(url), timeout=TIMEOUT_S) as client:
            answer = client.post(f"{url}/v1/session/link", headers={"Authorization": f"Bearer {key}"})
            said = answer.json()
    except httpx.HTTPError as error:
        raise NoConsoleError(
            f"no bridge answers at {url}: {error or type(error).__name__}. Start one with `callbridge serve`, or give "
            "--url."
        ) from None
    except ValueError:
        said = None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise NoConsoleError(f"the bridge at {url} has another key: run this with its API_KEY, or with its DATA_DIR.")
    if answer.status_code != httpx.codes.CREATED or not isinstance(said, dict) or "token" not in said:
        raise NoConsoleError(f"something else than a bridge of this version answers at {url}: use --url.")
    return said


def _has_desktop() -> bool:
    """Whether a browser that is started here is seen by anybody."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _plain(entry: KeyEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "prefix": entry.prefix,
        "scopes": sorted(entry.scopes),
        "created_at": entry.created_at,
        "expires_at": entry.expires_at,
    }


@contextmanager
def _keys() -> Iterator[ApiKeys]:
    keys = ApiKeys(load_settings().database, lambda: datetime.now(UTC))
    try:
        yield keys
    finally:
        keys.close()
