"""`callbridge calls expire` and `callbridge calls forget`: deleting calls for good."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from bridge.cli.calls import AsJson, DataDir, archive, calls_table
from bridge.facts.errors import SettingsError
from bridge.facts.settings import MAX_DAYS, Settings
from bridge.server import erasure, pseudonym
from bridge.server.erasure import Erased, Keep, Plan
from bridge.server.rows import CallEntry
from bridge.server.store import CallStore
from bridge.server.webhooks.outbox import Outbox

SHOWN = 20
"""Calls that are shown before they are deleted; of more, the number is told."""


def expire_calls(
    days: Annotated[
        int | None, typer.Option(min=1, max=MAX_DAYS, metavar="N", help="Instead of RETENTION_DAYS.")
    ] = None,
    recording_days: Annotated[
        int | None, typer.Option(min=1, max=MAX_DAYS, metavar="N", help="Instead of RECORDING_RETENTION_DAYS.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted, and delete nothing.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete the calls that have been kept for their days: transcript, recording, row of the index.

    A running server does so by itself, once an hour. A call in progress is left alone.

    Examples:

        callbridge calls expire --dry-run

        callbridge calls expire --recording-days 30

        callbridge calls expire --json
    """
    with archive(data_dir) as (settings, store):
        keep = Keep(days or settings.retention_days, recording_days or settings.recording_retention_days)
        if keep.forever:
            raise SettingsError("Nothing expires: set RETENTION_DAYS or RECORDING_RETENTION_DAYS, or give --days.")
        store.rebuild(settings.data_dir)
        plan = erasure.expired(store, settings.data_dir, keep, datetime.now(UTC))
        job = _Job(settings, store, plan, as_json=as_json)
        if dry_run:
            job.show("Would be deleted")
        else:
            job.run()


def forget_person(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A person's number, such as +12025550143.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    masked: Annotated[
        bool, typer.Option("--masked", help="Also calls of which nothing but the number's last two digits is known.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete all calls of a person: transcripts, recordings, rows of the index.

    Shows what will be deleted and asks. It also finds calls whose numbers were masked (REDACT=1). Calls in progress
    stay and are reported, and the exit status is then 1: run the command again when they are over.

    Examples:

        callbridge calls forget +12025550143

        callbridge calls forget +12025550143 --yes --json
    """
    if not number.strip():
        raise typer.BadParameter("give a number, such as +12025550143")
    with archive(data_dir) as (settings, store):
        store.rebuild(settings.data_dir)
        known = pseudonym.known(settings.data_dir)
        plan = erasure.of_person(store, settings.data_dir, number, known, perhaps=masked)
        job = _Job(settings, store, plan, as_json=as_json, thorough=True)
        if not plan.empty and not yes:
            job.show("Will be deleted")
            if as_json:
                raise typer.Exit(1)
            if not typer.confirm("Delete them for good?", err=True):
                raise typer.Exit(1)
        job.run()


@dataclass(frozen=True, slots=True)
class _Job:
    """One deletion, told as words or as JSON."""

    settings: Settings
    store: CallStore
    plan: Plan
    as_json: bool
    thorough: bool = False

    def show(self, heading: str) -> None:
        """What is going to happen."""
        if self.as_json:
            typer.echo(json.dumps(self._planned() | {"deleted": False}, indent=2))
            return
        self._list(f"{heading}: {len(self.plan.calls)} calls", self.plan.calls)
        self._list(f"{heading}: the recordings of {len(self.plan.recordings)} calls", self.plan.recordings)
        if self.plan.strays:
            typer.echo(f"{heading}: {len(self.plan.strays)} files that belong to no call")
        if self.plan.empty:
            typer.echo("There is nothing to delete.")
        self._tell_of_others()

    def run(self) -> None:
        """Delete, and say what was."""
        with _progress(len(self.plan.calls), silent=self.as_json) as on_batch:
            letters = Outbox(self.settings.data_dir).forget
            erased = erasure.erase(self.plan, self.store, self.settings.data_dir, letters, on_batch)
        cleared = self.store.compact(whole=self.thorough)
        if self.as_json:
            done = self._planned() | {"deleted": True, "cleared": cleared} | asdict(erased)
            typer.echo(json.dumps(done, indent=2))
        else:
            self._tell(erased, cleared=cleared)
        if erased.failures or (self.thorough and self.plan.live):
            raise typer.Exit(1)

    def _planned(self) -> dict[str, Any]:
        return {
            "call_ids": [entry.call_id for entry in self.plan.calls],
            "recording_ids": [entry.call_id for entry in self.plan.recordings],
            "stray_files": list(self.plan.strays),
            "in_progress": [entry.call_id for entry in self.plan.live],
            "perhaps": [entry.call_id for entry in self.plan.perhaps],
        }

    def _tell(self, erased: Erased, *, cleared: bool) -> None:
        if self.plan.empty:
            typer.echo("There is nothing to delete.")
            self._tell_of_others()
            return
        alone = f", and the recordings of {erased.recordings} more" if erased.recordings else ""
        typer.echo(f"Deleted {erased.calls} calls{alone}: {erased.files} files, {erased.bytes / 1e6:.1f} MB.")
        for failure in erased.failures:
            typer.echo(failure, err=True)
        if not cleared:
            typer.echo("Another program reads the index; its log is emptied when that one is done.", err=True)
        self._tell_of_others()

    def _tell_of_others(self) -> None:
        if self.plan.live:
            ids = ", ".join(entry.call_id for entry in self.plan.live)
            typer.echo(f"In progress, and therefore not deleted: {ids}. Run this again when they are over.", err=True)
        if self.plan.perhaps:
            typer.echo(
                f"{len(self.plan.perhaps)} calls have a masked number with the same last two digits, and no more is "
                "known of them: see `callbridge calls list`. --masked takes them for this person's.",
                err=True,
            )

    def _list(self, heading: str, entries: Sequence[CallEntry]) -> None:
        if not entries:
            return
        typer.echo(f"{heading}.")
        Console(highlight=False, markup=False, emoji=False).print(calls_table(entries[:SHOWN]))
        if len(entries) > SHOWN:
            typer.echo(f"… and {len(entries) - SHOWN} more")


@contextmanager
def _progress(calls: int, *, silent: bool) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, where there is enough to do."""
    console = Console(stderr=True)
    if silent or not console.is_terminal or calls <= erasure.BATCH:
        yield lambda done: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("deleting", total=calls)
        yield lambda done: bar.update(task, completed=done)
