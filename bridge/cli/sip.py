"""`callbridge sip …`: who may call over SIP, Asterisk's files, and Asterisk itself."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values
from rich.console import Console

from bridge.asterisk import install, run
from bridge.caller.host import DEFAULT_URL
from bridge.cli.serve import set_up_logging
from bridge.cli.twilio import NumberArgument, number_in_form
from bridge.cli.twilio_calls import post_order, show_placed
from bridge.facts.errors import SettingsError
from bridge.facts.settings import Settings, load_settings
from bridge.server.wiring import ari_password, sip_password
from bridge.sip.asterisk_files import Bridge, Secrets, asterisk_files, dial_plan, websocket_client
from bridge.sip.guard import Guard
from bridge.sip.load import parse_plan
from bridge.sip.mistakes import Mistake, mistakes
from bridge.sip.plan import AddressTrunk, RegisterTrunk, SipPlan
from bridge.sip.template import TEMPLATE

app = typer.Typer(no_args_is_help=True, help="Take calls from SIP trunks, PBXs and telephones, by way of Asterisk.")

PlanFile = Annotated[Path | None, typer.Option("--file", help="Who may call.", show_default="sip.yaml")]
BridgeHost = Annotated[str, typer.Option("--bridge-host", help="Where Asterisk finds the bridge.")]


@app.command()
def new(file: PlanFile = None) -> None:
    """Write a commented sip.yaml to start from. An existing file is never overwritten.

    Example:

        callbridge sip new
    """
    path = file or load_settings().sip_file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as written:
            written.write(TEMPLATE)
    except FileExistsError:
        raise SettingsError(f"{path} is there already, and is left as it is") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
    typer.echo(f"{path} is written. Say in it who may call, then: callbridge sip config --check")


@app.command()
def password(
    variable: Annotated[str, typer.Argument(help="The password_from of sip.yaml.", metavar="VARIABLE")],
    file: PlanFile = None,
) -> None:
    """Make a password of 144 random bits, keep it in sip.env beside sip.yaml, and show it once.

    Example:

        callbridge sip password DESK_PASSWORD
    """
    if not (variable.isidentifier() and variable.isupper()):
        raise SettingsError(f"{variable} is not the name of a variable, such as DESK_PASSWORD")
    path = _env_file(file or load_settings().sip_file)
    known = path.read_text() if path.exists() else ""
    if any(line.startswith(f"{variable}=") for line in known.splitlines()):
        raise SettingsError(f"{path} has a {variable} already; remove its line to make a new one")
    made = secrets.token_urlsafe(18)
    run.write_files(path.parent, {path.name: f"{known}{variable}={made}\n"})
    typer.echo(made)


@app.command()
def config(
    file: PlanFile = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files.", show_default="DATA_DIR/sip/etc")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what is wrong.")] = False,
    own_asterisk: Annotated[
        bool, typer.Option("--own-asterisk", help="Only what an Asterisk or FreePBX of yours needs besides its own.")
    ] = False,
    bridge_host: BridgeHost = "127.0.0.1",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write Asterisk's configuration from sip.yaml, after looking for mistakes; exit status 1 if there are any.

    Examples:

        callbridge sip config --check

        callbridge sip config --out /etc/asterisk

        callbridge sip config --own-asterisk --out /etc/asterisk/callbridge
    """
    settings = load_settings()
    plan, known = _plan(file or settings.sip_file, own_asterisk=own_asterisk)
    bridge = Bridge(bridge_host, settings.port, settings.sip_ari_port)
    found = mistakes(plan, known, bridge, _unreadable(plan), _unknown_host()) if not own_asterisk else []
    errors = [one for one in found if one.severity == "error"]
    folder = out or settings.data_dir / "sip" / "etc"
    files: Mapping[str, str] = {}
    if not (errors or check):
        files = _files(plan, known, bridge, settings, own_asterisk=own_asterisk)
        _write(folder, files)
    if as_json:
        written = [str(folder / name) for name in files]
        typer.echo(json.dumps({"mistakes": [asdict(one) for one in found], "written": written}, indent=2))
    else:
        _tell(found)
        if files:
            typer.echo(f"{len(files)} files are written to {folder}; they hold passwords and are yours alone to read.")
        elif check and not errors:
            typer.echo("Nothing stands in the way.")
    if errors:
        raise typer.Exit(1)


@app.command()
def up(
    file: PlanFile = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of the private Asterisk.", show_default="~/.cache/callbridge/asterisk")
    ] = None,
    bridge_host: BridgeHost = "127.0.0.1",
) -> None:
    """Start Asterisk with the files of sip.yaml, and keep it running until Ctrl-C.

    The system's own Asterisk serves if it is 22.10 or newer; otherwise its Debian packages are unpacked once into a
    folder of ours (280 MB, half a minute). Start `callbridge serve` beside it.

    Example:

        callbridge sip up
    """
    settings = load_settings()
    set_up_logging(settings)
    plan, known = _plan(file or settings.sip_file)
    bridge = Bridge(bridge_host, settings.port, settings.sip_ari_port)
    found = mistakes(plan, known, bridge, _unreadable(plan), _unknown_host())
    _tell(found)
    if any(one.severity == "error" for one in found):
        raise typer.Exit(1)
    folder = root or install.default_root()
    asterisk = install.find(folder)
    if asterisk is None:
        with Console(stderr=True).status("Fetching Asterisk, once…"):
            asterisk = install.build(folder)
    asyncio.run(_up(asterisk, settings, plan, _files(plan, known, bridge, settings)))


@app.command()
def call(
    phone_number: NumberArgument,
    persona: Annotated[str, typer.Option(help="Who calls; the persona needs a group `outbound`.")],
    trunk: Annotated[str, typer.Option(help="The trunk of sip.yaml to call by.")],
    caller_id: Annotated[
        str | None,
        typer.Option(callback=number_in_form, help="The number that they see. Without it, the persona's."),
    ] = None,
    url: Annotated[str, typer.Option(help="Address of the bridge.")] = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Have a running bridge call somebody by a SIP trunk, through the Asterisk of `callbridge sip up`.

    Nobody is called who is on the do-not-call list, outside the persona's hours, or without a free slot.

    Example:

        callbridge sip call +15551234567 --persona bakery --trunk carrier
    """
    order = {"to": phone_number, "persona": persona, "caller_id": caller_id, "trunk": trunk}
    show_placed(post_order(url, order), as_json=as_json)


async def _up(asterisk: install.Asterisk, settings: Settings, plan: SipPlan, files: Mapping[str, str]) -> None:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with run.running(asterisk, settings.data_dir / "sip", files) as running:
        typer.echo(f"{asterisk.version} takes calls: {_where(plan)}. Ctrl-C ends it, and the calls with it.", err=True)
        watch = asyncio.create_task(running.keep_out(Guard(_spared(plan))))
        assert running.process is not None
        ended = asyncio.create_task(running.process.wait())
        asked = asyncio.create_task(over.wait())
        await asyncio.wait([watch, ended, asked], return_when=asyncio.FIRST_COMPLETED)
        for task in (watch, ended, asked):
            if not task.done():
                task.cancel()
        if watch.done() and not watch.cancelled():
            watch.result()
        if not over.is_set():
            raise SettingsError(f"Asterisk has ended by itself; its log is {running.folder}/log/console.log")


def _where(plan: SipPlan) -> str:
    listen = plan.listen
    ports = {"UDP": listen.udp, "TCP": listen.tcp, "TLS": listen.tls.port if listen.tls else None}
    return ", ".join(f"{listen.address} {name} {port}" for name, port in ports.items() if port)


def _spared(plan: SipPlan) -> frozenset[str]:
    """Single addresses from which trunks call."""
    trunks = (trunk for trunk in plan.trunks if isinstance(trunk, AddressTrunk | RegisterTrunk))
    return frozenset(network.partition("/")[0] for trunk in trunks for network in trunk.addresses)


def _plan(path: Path, *, own_asterisk: bool = False) -> tuple[SipPlan, dict[str, str]]:
    """The plan, and the passwords that it names."""
    if own_asterisk and not path.exists():
        return SipPlan(), {}
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path} is not there; `callbridge sip new` writes one to start from") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    plan = parse_plan(text, str(path))
    given = {**dotenv_values(_env_file(path)), **os.environ}
    wanted = {name for party in plan.parties if (name := getattr(party, "password_from", None))}
    return plan, {name: value for name in wanted if (value := given.get(name))}


def _env_file(plan_file: Path) -> Path:
    """`sip.env` beside the plan: the passwords."""
    return plan_file.with_suffix(".env")


def _unknown_host() -> str:
    """This machine's name, if nothing knows its address."""
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return name
    return ""


def _unreadable(plan: SipPlan) -> list[str]:
    tls = plan.listen.tls
    return [file for file in ((tls.certificate, tls.key) if tls else ()) if not os.access(file, os.R_OK)]


def _files(
    plan: SipPlan, known: Mapping[str, str], bridge: Bridge, settings: Settings, *, own_asterisk: bool = False
) -> Mapping[str, str]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shared = Secrets(known, bridge=sip_password(settings), ari=ari_password(settings))
    if own_asterisk:
        return {
            "websocket_client_callbridge.conf": websocket_client(shared, bridge),
            "extensions_callbridge.conf": dial_plan(plan, shared, bridge),
        }
    return asterisk_files(plan, shared, bridge)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    try:
        run.write_files(folder, files)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror}") from None


def _tell(found: list[Mistake]) -> None:
    console = Console(stderr=True)
    for one in found:
        colour = "red" if one.severity == "error" else "yellow"
        console.print(
            f"[{colour}]{one.severity}[/] {one.where}: {one.what} ({one.hint})", soft_wrap=True, highlight=False
        )
