"""`callbridge twilio connect|disconnect|check|bin`: a number at Twilio, and the way from there to the server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from httpx import create_ssl_context
from rich.console import Console
from rich.table import Table
from rich.text import Text
from twilio.rest import Client

from bridge.cli.findings import show_findings
from bridge.cli.persona import load
from bridge.connect.chain import look_at_chain
from bridge.connect.configuration import (
    Change,
    Configuration,
    ConnectError,
    changes,
    connected,
    leads_to,
    public_address,
)
from bridge.connect.memory import Memory, Remembered
from bridge.connect.numbers import Owned, client_of, configure, number
from bridge.facts.errors import PersonaError
from bridge.facts.findings import Finding, Level
from bridge.facts.settings import Settings, load_settings
from bridge.persona.schema import E164
from bridge.server.twilio import answers
from bridge.transcript.lines import clean

app = typer.Typer(no_args_is_help=True, help="Connect a number at Twilio, check the way from there to the server.")


def number_in_form(value: str | None) -> str | None:
    """The number itself if it is one in E.164 form."""
    if value is not None and not E164.fullmatch(value):
        raise typer.BadParameter(f"{value!r} is not a phone number in E.164 form, like +12025550143")
    return value


def _web(value: str | None) -> str | None:
    if value is not None and not value.startswith("https://"):
        raise typer.BadParameter(f"{value!r} is not an https:// address")
    return value


NumberArgument = Annotated[str, typer.Argument(callback=number_in_form, metavar="NUMBER", help="Such as +15551234567.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Change it without asking.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else; needs --yes to change.")]


@app.command()
def connect(
    phone_number: NumberArgument,
    persona: Annotated[str | None, typer.Option(help="Who answers. Without it, the persona that lists it.")] = None,
    record: Annotated[
        bool | None, typer.Option("--record/--no-record", help="Record this number's calls, whatever RECORD says.")
    ] = None,
    fallback_url: Annotated[
        str | None,
        typer.Option(callback=_web, help="What Twilio asks when the server is away, such as a TwiML Bin's address."),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Lead a number's calls to the server at PUBLIC_URL: its voice URL, fallback URL and status callback.

    What changes is shown and asked for first. What the number was before is kept in DATA_DIR, so that `disconnect` can
    give it back. A fallback that lies on the same server helps in few troubles: `callbridge twilio bin` prints a text
    for a TwiML Bin, which Twilio keeps; give its address with --fallback-url.

    Examples:

        callbridge twilio connect +15551234567 --persona dental

        callbridge twilio connect +15551234567 --persona dental --yes --json
    """
    settings = load_settings()
    public_url = public_address(settings.public_url)
    client = client_of(settings)
    _somebody_answers(settings, phone_number, persona)
    one, memory = number(client, phone_number), Memory(settings.data_dir)
    if not one.voice:
        raise ConnectError(f"{phone_number} cannot take calls: it has no voice capability at Twilio")
    wanted = connected(one.configuration, public_url, persona, record, fallback_url)
    known = memory.find(str(client.account_sid), phone_number)
    # Connected again, a number is given back what it was before the first time.
    again = known is not None and known.after == one.configuration
    before = known.before if known and again else one.configuration

    def keep() -> None:
        memory.keep(str(client.account_sid), phone_number, Remembered(before, wanted))

    if _change(client, one, wanted, keep, yes=yes, as_json=as_json) and not as_json:
        typer.echo(f"Calls to {phone_number} come to {public_url}.")
        if leads_to(wanted.voice_fallback_url, public_url, "/twilio/fallback"):
            typer.echo("The fallback lies on the same server; `callbridge twilio bin` makes one that Twilio keeps.")
        typer.echo(f"Next: callbridge twilio check --number {phone_number}")


@app.command()
def disconnect(
    phone_number: NumberArgument,
    clear: Annotated[
        bool, typer.Option("--clear", help="Empty the three addresses where nothing is remembered.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give a number back what it was configured to before it was connected.

    Examples:

        callbridge twilio disconnect +15551234567

        callbridge twilio disconnect +15551234567 --clear --yes
    """
    settings = load_settings()
    client, memory = client_of(settings), Memory(settings.data_dir)
    one = number(client, phone_number)
    known = memory.find(str(client.account_sid), phone_number)
    if known is None and not clear:
        raise ConnectError(
            f"{memory.path} remembers nothing of {phone_number}: it was connected elsewhere or by hand. "
            "--clear empties its voice URL, fallback URL and status callback"
        )
    wanted = known.before if known else Configuration()
    if known and known.after != one.configuration and not as_json:
        typer.echo(f"{phone_number} has been changed at Twilio since it was connected; the table shows what it is now.")

    def forget() -> None:
        memory.forget(str(client.account_sid), phone_number)

    done = _change(client, one, wanted, lambda: None, yes=yes, as_json=as_json)
    if done:
        forget()
        if not as_json:
            typer.echo(f"{phone_number} is as it was." if known else f"{phone_number} answers no calls now.")


@app.command()
def check(
    phone_number: Annotated[
        str | None,
        typer.Option(
            "--number", callback=number_in_form, help="The number to try. Without it, all that lead to PUBLIC_URL."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Try the whole chain from a number at Twilio to a call, and name each link that is broken.

    Credentials, clock, the number's addresses, PUBLIC_URL (name, port, certificate), the voice webhook, its signature
    (a right one and a wrong one), who answers, the stream's upgrade. The webhook that is sent tells of no call: it
    leaves no record and takes no slot. Run it with the settings of the server. Exit status 1: a link is broken.

    Examples:

        callbridge twilio check

        callbridge twilio check --number +15551234567 --json
    """
    settings = load_settings()
    console = Console(highlight=False, markup=False, emoji=False)

    async def look() -> list[Finding]:
        findings = []
        async for finding in look_at_chain(settings, phone_number, create_ssl_context()):
            findings.append(finding)
            if not as_json:
                show_findings(console, [finding])
        return findings

    findings = asyncio.run(look())
    broken = list(dict.fromkeys(finding.name for finding in findings if finding.level is Level.PROBLEM))
    if as_json:
        report = {"ok": not broken, "broken": broken, "checks": [asdict(finding) for finding in findings]}
        typer.echo(json.dumps(report, indent=2))
    else:
        typer.echo(f"Broken: {', '.join(broken)}." if broken else "Calls come through.")
    if broken:
        raise typer.Exit(1)


@app.command("bin")
def twiml_bin(
    persona: Annotated[str, typer.Option(help="Whose words, and whose person to put callers through to.")],
) -> None:
    """Print the text of a TwiML Bin: what callers hear, and who they reach, when the server is away.

    In Twilio's console: TwiML Bins → Create new TwiML Bin; paste the text, create it, copy its URL, and give that to
    `callbridge twilio connect --fallback-url URL`.

    Examples:

        callbridge twilio bin --persona dental
    """
    typer.echo(str(answers.say_then_person(answers.APOLOGY, load(persona, None))))


# -- changing a number


def _change(client: Client, one: Owned, wanted: Configuration, before: Any, *, yes: bool, as_json: bool) -> bool:
    """Show what changes, ask, do it. False: it was not wanted. `before` runs just before Twilio is told."""
    what = changes(one.configuration, wanted)
    report = {"number": one.phone_number, "changes": [asdict(change) for change in what], "changed": False}
    if as_json and not yes:
        typer.echo(json.dumps(report, indent=2))
        return False
    if not as_json:
        _show_changes(one.phone_number, what)
    if what and not yes and not typer.confirm("Change it?"):
        typer.echo("Nothing was changed.")
        raise typer.Exit(1)
    if what:
        before()
        kept = configure(client, one, wanted)
        if missed := changes(kept, wanted):
            raise ConnectError(f"Twilio did not take all of it: {missed[0].name} is still {missed[0].before!r}")
    if as_json:
        typer.echo(json.dumps(report | {"changed": bool(what)}, indent=2))
    return True


def _show_changes(phone_number: str, what: list[Change]) -> None:
    console = Console(highlight=False, emoji=False)
    if not what:
        console.print(Text(f"{phone_number} is configured so already."))
        return
    table = Table(title=phone_number, title_justify="left", box=None, pad_edge=False)
    for heading in ("SETTING", "BEFORE", "AFTER"):
        table.add_column(heading, overflow="fold")
    for change in what:
        row = [change.name, clean(change.before) or "(none)", clean(change.after) or "(none)"]
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _somebody_answers(settings: Settings, phone_number: str, persona: str | None) -> None:
    """Refuse to connect a number that nobody would answer."""
    if persona is not None:
        load(persona, settings.personas_dir)
        return
    if settings.default_persona:
        return
    for path in sorted(Path(settings.personas_dir).glob("*.yaml")):
        try:
            if phone_number in load(str(path), None).numbers:
                return
        except PersonaError:
            continue
    raise ConnectError(
        f"no persona in {settings.personas_dir} lists {phone_number} under numbers:, and DEFAULT_PERSONA is not set; "
        "name one with --persona NAME"
    )
