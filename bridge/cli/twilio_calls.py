"""`callbridge twilio call` and `callbridge twilio dnc`: calling people, and the list of whom never to call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from bridge.caller.host import DEFAULT_URL, api_key_of
from bridge.cli.lines import local_time
from bridge.cli.twilio import NumberArgument, number_in_form
from bridge.facts.addresses import is_loopback
from bridge.facts.errors import BridgeError
from bridge.facts.settings import load_settings
from bridge.persona.schema import E164
from bridge.server.do_not_call import DoNotCall
from bridge.transcript.lines import clean

TIMEOUT_S = 30.0
"""Longest wait for the bridge, which asks Twilio meanwhile."""

dnc = typer.Typer(no_args_is_help=True, help="The numbers that must not be called.")


class CallNotPlacedError(BridgeError):
    """The bridge did not place a call."""


def call(
    phone_number: NumberArgument,
    persona: Annotated[str, typer.Option(help="Who calls; the persona needs a group `outbound`.")],
    caller_id: Annotated[
        str | None,
        typer.Option(callback=number_in_form, help="The number that they see. Without it, the persona's."),
    ] = None,
    record: Annotated[
        bool | None, typer.Option("--record/--no-record", help="Record the call, whatever RECORD says.")
    ] = None,
    url: Annotated[str, typer.Option(help="Address of the bridge.")] = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Have a running bridge call somebody.

    Nobody is called who is on the do-not-call list, outside the persona's hours, or without a free slot. The command
    ends when Twilio has taken the order; what came of the call stands in its record.

    Examples:

        callbridge twilio call +15551234567 --persona bakery

        callbridge twilio call +15551234567 --persona bakery --json
    """
    order = {"to": phone_number, "persona": persona, "caller_id": caller_id, "record": record}
    show_placed(post_order(url, order), as_json=as_json)


def show_placed(placed: dict[str, Any], *, as_json: bool) -> None:
    """Say who calls whom, and where to look afterwards."""
    if as_json:
        typer.echo(json.dumps(placed))
        return
    console = Console()
    console.print(f"{placed['persona']} calls {placed['to']} from {placed['from']}.")
    console.print(f"When it is over:  callbridge calls show {placed['call_id']}")


def post_order(url: str, order: dict[str, Any]) -> dict[str, Any]:
    """Have the bridge at `url` call somebody; values that are None are left out. Raises `CallNotPlacedError`."""
    url, order = url.rstrip("/"), {name: value for name, value in order.items() if value is not None}
    headers = {"Authorization": f"Bearer {api_key_of(load_settings()) or ''}"}
    try:
        with httpx.Client(trust_env=not is_loopback(url)) as client:
            answer = client.post(f"{url}/api/calls", json=order, headers=headers, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        raise CallNotPlacedError(
            f"no bridge answers at {url}: {error or type(error).__name__}. Start one with `callbridge serve`, or give "
            "--url."
        ) from None
    try:
        said = answer.json()
    except ValueError:
        said = {}
    if answer.status_code != httpx.codes.CREATED:
        detail = said.get("detail") if isinstance(said, dict) else None
        raise CallNotPlacedError(f"nobody was called: {detail or f'{url} answered {answer.status_code}'}")
    return dict(said)


@dnc.command("add")
def add(
    phone_numbers: Annotated[list[str] | None, typer.Argument(metavar="NUMBER…", help="Such as +15551234567.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A file with a number in each line.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why, or since when.")] = "",
) -> None:
    """Put numbers on the list. Those that are on it stay as they are.

    Examples:

        callbridge twilio dnc add +15551234567 --note "asked for it on the phone"

        callbridge twilio dnc add --file numbers.txt
    """
    lines = file.read_text("utf-8").splitlines() if file else []
    numbers = [*(phone_numbers or []), *(line.strip() for line in lines if line.strip() and not line.startswith("#"))]
    if wrong := [number for number in numbers if not E164.fullmatch(number)]:
        raise typer.BadParameter(f"{wrong[0]!r} is not a phone number in E.164 form, like +12025550143")
    with _list() as listed:
        added = sum(listed.add(number, note) for number in numbers)
    typer.echo(f"{added} added, {len(numbers) - added} on the list already")


@dnc.command("remove")
def remove(phone_number: NumberArgument) -> None:
    """Take a number off the list.

    Example:

        callbridge twilio dnc remove +15551234567
    """
    with _list() as listed:
        gone = listed.remove(phone_number)
    typer.echo("removed" if gone else "it is not on the list")
    if not gone:
        raise typer.Exit(1)


@dnc.command("list")
def show(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False) -> None:
    """Show the list, the latest first.

    Example:

        callbridge twilio dnc list
    """
    with _list() as listed:
        entries = listed.listed()
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(entries)))
        return
    table = Table("Number", "Since", "Note")
    for entry in entries:
        table.add_row(entry.number, local_time(entry.added_at), clean(entry.note))
    Console().print(table if entries else "Nobody is on the list.")


@contextmanager
def _list() -> Iterator[DoNotCall]:
    listed = DoNotCall(load_settings().database)
    try:
        yield listed
    finally:
        listed.close()
