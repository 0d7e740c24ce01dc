"""`callbridge webhook`: try the receiver, and look after what it did not take."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.calls import AsJson, DataDir
from bridge.cli.lines import local_time
from bridge.facts.errors import BridgeError, SettingsError
from bridge.facts.settings import load_settings
from bridge.server.webhooks import events
from bridge.server.webhooks.delivery import Attempt, Delivery
from bridge.server.webhooks.outbox import Letter, Outbox, new_id
from bridge.server.webhooks.post import receiver
from bridge.transcript.lines import clean
from bridge.transcript.records import utc_text

app = typer.Typer(no_args_is_help=True, help="Webhooks at the end of calls: try them, and send again what failed.")


@app.command("test")
def send_test(as_json: AsJson = False) -> None:
    """Send one signed test message to WEBHOOK_URL and say what came of it.

    Examples:

        callbridge webhook test

        WEBHOOK_URL=http://127.0.0.1:9000/calls callbridge webhook test --json
    """
    found = receiver(load_settings())
    if found is None:
        raise SettingsError("There is nobody to send to: set WEBHOOK_URL and WEBHOOK_SECRET.")
    event_id = new_id(time.time())
    body = events.frame(events.TEST, event_id, utc_text(datetime.now(UTC)))
    began = time.monotonic()
    attempt = asyncio.run(_send(Delivery(*found, time.time), Letter(event_id, events.TEST, "test", body)))
    took_ms = round((time.monotonic() - began) * 1000)
    if as_json:
        result = {"delivered": not attempt.error, "id": event_id, "error": attempt.error or None, "ms": took_ms}
        typer.echo(json.dumps(result, indent=2))
    elif attempt.error:
        typer.echo(f"Not taken: {attempt.error}.", err=True)
    else:
        typer.echo(f"Taken after {took_ms} ms: {found[0].authority}, id {event_id}.")
    if attempt.error:
        raise typer.Exit(1)


async def _send(delivery: Delivery, letter: Letter) -> Attempt:
    try:
        return await delivery.attempt(letter)
    finally:
        await delivery.close()


@app.command("dead")
def list_dead(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the messages that were given up, the oldest first, and how many still wait.

    Examples:

        callbridge webhook dead

        callbridge webhook dead --json
    """
    outbox = Outbox(load_settings(data_dir=data_dir).data_dir)
    dead, waiting = list(outbox.letters(outbox.dead)), outbox.waiting()
    if as_json:
        typer.echo(json.dumps({"dead": [_as_object(letter) for letter in dead], "waiting": len(waiting)}, indent=2))
        return
    if dead:
        Console(highlight=False, markup=False, emoji=False).print(_table(dead))
    typer.echo(f"{len(dead)} given up, {len(waiting)} waiting.")


@app.command("resend")
def resend(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids, or their beginnings.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put messages that were given up into the queue again, under their old ids.

    A running server sends them within seconds; otherwise they wait for one.

    Examples:

        callbridge webhook resend --all

        callbridge webhook resend 1767225600123-5f0c
    """
    if bool(ids) == every:
        raise typer.BadParameter("give ids, or --all")
    outbox = Outbox(load_settings(data_dir=data_dir).data_dir)
    dead = list(outbox.letters(outbox.dead))
    chosen = dead if every else [_one(dead, beginning) for beginning in dict.fromkeys(ids or [])]
    for letter in chosen:
        outbox.revive(letter)
    if as_json:
        typer.echo(json.dumps({"resent": [letter.id for letter in chosen]}, indent=2))
    else:
        typer.echo(f"{len(chosen)} in the queue again; a running server sends them within seconds.")


def _one(dead: list[Letter], beginning: str) -> Letter:
    found = [letter for letter in dead if letter.id.startswith(beginning)]
    if len(found) != 1:
        what = "no message was given up" if not found else "more than one message was given up"
        raise BridgeError(f"{what} whose id begins with {beginning!r}: see `callbridge webhook dead`.")
    return found[0]


def _as_object(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "event": letter.event,
        "call_id": letter.call_id,
        "created_at": letter.body.get("created_at"),
        "attempts": letter.attempts,
        "last_error": letter.last_error,
    }


def _table(dead: list[Letter]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("ID", "EVENT", "CALL", "CREATED", "ATTEMPTS", "LAST ERROR"):
        table.add_column(name, no_wrap=name in {"ID", "CALL"}, overflow="fold")
    for letter in dead:
        created = local_time(str(letter.body.get("created_at", "")))
        table.add_row(letter.id, letter.event, letter.call_id, created, str(letter.attempts), clean(letter.last_error))
    return table
