"""`callbridge doctor`: can this machine answer calls, with which engine, how many, and what stands in the way."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final

import psutil
import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.findings import show_findings
from bridge.cli.running import health, summary
from bridge.engine.personaplex.capacity import EFFICIENCY, Forecast, Gpu, forecast
from bridge.engine.personaplex.device import find_gpus
from bridge.facts.errors import BridgeError, SettingsError
from bridge.facts.findings import Finding, Level
from bridge.facts.settings import Settings, load_settings
from bridge.hub.catalogue import catalogue
from bridge.hub.disk import Status, look, overall
from bridge.hub.files import FILES, size_text
from bridge.persona.load import check_all

WEIGHTS: Final = ("bf16", "int8", "fp8")
KV: Final = ("bf16", "fp8")
DATA_BYTES: Final = 1_000_000_000
"""Free space below which the record of calls may soon not be written: 14 hours of stereo recordings need as much."""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Say what this machine can do, before anything is downloaded, and what stands in the way of answering calls.

    For each GPU: whether it can hold the PersonaPlex model in real time, and how many calls, computed from its memory
    and bandwidth. Exit status 1 means that something must be put right; notes do not count.

    Examples:

        callbridge doctor

        callbridge doctor --json
    """
    settings, findings = _settings()
    gpus, told_by = find_gpus()
    findings += _checks(settings, gpus, told_by)
    ok = all(finding.level is not Level.PROBLEM for finding in findings)
    if as_json:
        report = {"ok": ok, "checks": [asdict(one) for one in findings], "gpus": [_gpu_object(gpu) for gpu in gpus]}
        typer.echo(json.dumps(report, indent=2))
    else:
        _show(findings, gpus)
    if not ok:
        raise typer.Exit(1)


def _settings() -> tuple[Settings, list[Finding]]:
    """The settings; where they cannot be used, the defaults, so that the rest is looked at all the same."""
    try:
        return load_settings(), [Finding("settings", Level.GOOD, "can be used")]
    except SettingsError as error:
        wrong = Finding("settings", Level.PROBLEM, str(error), "Put them right; all else below is for the defaults.")
        return Settings.model_construct(), [wrong]


def _checks(settings: Settings, gpus: list[Gpu], told_by: str) -> Iterator[Finding]:
    yield Finding("python", Level.GOOD, f"{platform.python_version()} on {platform.platform(terse=True)}")
    memory = psutil.virtual_memory()
    yield Finding("processor", Level.GOOD, f"{os.cpu_count()} cores, {size_text(memory.total)} of memory")
    yield _torch(settings, gpus, told_by)
    yield from _gpus(settings, gpus)
    yield from _models(settings)
    yield _room("disk for the model", settings.model_dir, _missing_bytes(settings), settings.engine == "personaplex")
    yield _room("disk for calls", settings.data_dir, DATA_BYTES, needed=True)
    yield _writable(settings.data_dir)
    yield _personas(settings)
    yield _port(settings)
    yield _reach(settings)


def _torch(settings: Settings, gpus: list[Gpu], told_by: str) -> Finding:
    level = Level.PROBLEM if settings.engine == "personaplex" else Level.NOTE
    try:
        found = version("torch")
    except PackageNotFoundError:
        return Finding(
            "torch", level, "is not installed", "PersonaPlex needs it: pip install 'callbridge[personaplex]'"
        )
    if gpus and told_by != "torch":
        advice = "Install a torch with CUDA (its version does not end in +cpu), and a driver that is new enough."
        return Finding("torch", level, f"{found} does not see the GPU that {told_by} names", advice)
    return Finding("torch", Level.GOOD, found)


def _gpus(settings: Settings, gpus: list[Gpu]) -> Iterator[Finding]:
    if not gpus:
        wanted = settings.engine == "personaplex"
        yield Finding(
            "gpu",
            Level.PROBLEM if wanted else Level.NOTE,
            "there is no NVIDIA GPU, so PersonaPlex cannot answer calls here",
            "Set ENGINE=cascade, which answers calls on the CPU. For PersonaPlex take a GPU with 24 GB and 500 GB/s."
            if wanted
            else "The cascade engine answers calls on the CPU and needs none.",
        )
    for gpu in gpus:
        told = {kind: forecast(gpu, kind, settings.kv) for kind in WEIGHTS}
        best = max(told.values(), key=lambda one: one.calls)
        chosen = told[settings.weights]
        if chosen.real_time:
            how = f"WEIGHTS={chosen.weights} and KV={chosen.kv}: {_bounds(chosen)}"
            yield Finding("gpu", Level.GOOD, f"{gpu.name} can hold {_calls(chosen.calls)} with {how}")
            continue
        advice = (
            f"Set WEIGHTS={best.weights}: {_calls(best.calls)} fit."
            if best.real_time
            else "Take a GPU with more of it, or ENGINE=cascade."
        )
        level = Level.PROBLEM if settings.engine == "personaplex" else Level.NOTE
        text = f"{gpu.name} cannot hold PersonaPlex in real time with WEIGHTS={chosen.weights}, for its {chosen.limit}"
        yield Finding("gpu", level, text, advice)


def _models(settings: Settings) -> Iterator[Finding]:
    try:
        models = catalogue(settings.model_dir, settings.engine)
    except BridgeError as error:
        yield Finding("models", Level.PROBLEM, str(error))
        return
    for model in models:
        if model["status"] == Status.DOWNLOADED:
            yield Finding(model["name"], Level.GOOD, f"is there ({model['type']})")
            continue
        level = Level.PROBLEM if model["isRequired"] else Level.NOTE
        advice = "callbridge model download" if model["isAvailableForDownload"] else "Run `make setup` again."
        yield Finding(model["name"], level, f"{model['status']} ({model['type']})", advice)


def _missing_bytes(settings: Settings) -> int:
    try:
        found = look(settings.model_dir)
    except BridgeError:  # told among the models
        return sum(file.about_bytes for file in FILES)
    return 0 if overall(found) is Status.DOWNLOADED else sum(max(0, file.expected - file.present) for file in found)


def _room(name: str, folder: Path, wanted: int, needed: bool) -> Finding:
    place = _nearest(folder)
    free = shutil.disk_usage(place).free
    text = f"{size_text(free)} free at {place}"
    if free >= wanted:
        return Finding(name, Level.GOOD, text)
    return Finding(
        name, Level.PROBLEM if needed else Level.NOTE, f"{text}, {size_text(wanted)} wanted", "Free some space."
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the one in which it would be made."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place


def _writable(folder: Path) -> Finding:
    place = _nearest(folder)
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return Finding("data folder", Level.GOOD, f"{folder.absolute()} can be written")
    advice = "Give it to the user that runs the bridge, or set DATA_DIR."
    return Finding("data folder", Level.PROBLEM, f"{place} cannot be written", advice)


def _personas(settings: Settings) -> Finding:
    folder = settings.personas_dir
    texts: list[tuple[str, str]] = []
    unread: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            texts.append((path.stem, path.read_text("utf-8-sig")))
        except (OSError, UnicodeDecodeError):
            unread.append(path.stem)
    bad = unread + [report.name for report in check_all(texts) if report.problems]
    if bad:
        advice = f"callbridge persona check {folder}/*.yaml"
        return Finding("personas", Level.PROBLEM, f"{', '.join(bad)} cannot be used", advice)
    if not texts:
        return Finding("personas", Level.NOTE, f"{folder.absolute()} has none", "callbridge persona new NAME")
    return Finding("personas", Level.GOOD, f"{len(texts)} can be used: {', '.join(name for name, _ in texts)}")


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if (told := health(settings)) is not None:
            return Finding("running bridge", Level.GOOD, f"at {where} {summary(told)}")
        advice = "End what listens there, or set PORT or HOST."
        return Finding("port", Level.NOTE, f"{where} cannot be taken: {error.strerror}", advice)
    return Finding("port", Level.GOOD, f"{where} is free")


def _reach(settings: Settings) -> Finding:
    url = settings.public_url
    if url is None:
        advice = "Needed for a telephone number, not for `callbridge call`: the https address that Twilio is to use."
        return Finding("public address", Level.NOTE, "PUBLIC_URL is not set", advice)
    if not url.startswith("https://"):
        return Finding("public address", Level.PROBLEM, f"PUBLIC_URL is {url}", "Twilio demands https://.")
    if settings.twilio_auth_token is None:
        advice = "Set TWILIO_AUTH_TOKEN, so that nobody but Twilio can place calls."
        return Finding("public address", Level.PROBLEM, f"{url} without TWILIO_AUTH_TOKEN", advice)
    return Finding("public address", Level.GOOD, url)


def _bounds(told: Forecast) -> str:
    """What memory and time allow."""
    time = "of unknown time" if told.by_time is None else f"time for {told.by_time}"
    return f"memory for {told.by_memory} full windows of {size_text(told.window_bytes)}, {time}"


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls at once"


def _gpu_object(gpu: Gpu) -> dict[str, Any]:
    return {
        "name": gpu.name,
        "memoryBytes": gpu.memory,
        "bandwidthBytesPerSecond": gpu.bandwidth,
        "computeCapability": None if gpu.capability is None else ".".join(map(str, gpu.capability)),
        "forecast": [_forecast_object(one) for one in _forecasts(gpu)],
    }


def _forecast_object(one: Forecast) -> dict[str, Any]:
    return asdict(one) | {"calls": one.calls, "limit": one.limit, "real_time": one.real_time}


def _forecasts(gpu: Gpu) -> list[Forecast]:
    return [forecast(gpu, weights, kv) for kv in KV for weights in WEIGHTS]


def _show(findings: list[Finding], gpus: list[Gpu]) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    show_findings(console, findings)
    for gpu in gpus:
        console.print()
        console.print(_gpu_table(gpu))
    if gpus:
        console.print(
            f"Computed, not measured: {EFFICIENCY:.0%} of the bandwidth, full windows of 240 s, 80 ms to a step. "
            "Calls that last less need less. `callbridge bench engine` measures.",
            soft_wrap=True,
        )


def _gpu_table(gpu: Gpu) -> Table:
    speed = "of unknown bandwidth" if gpu.bandwidth is None else f"{gpu.bandwidth / 1e9:.0f} GB/s"
    table = Table(title=f"{gpu.name}, {size_text(gpu.memory)}, {speed}", title_justify="left", box=None, pad_edge=False)
    for heading in ("WEIGHTS", "THEIR SIZE", "KV", "A WINDOW", "STEP, 1 CALL", "CALLS", "BY MEMORY", "BY TIME"):
        table.add_column(heading)
    for one in _forecasts(gpu):
        step = "unknown" if one.step_ms is None else f"{one.step_ms:.1f} ms"
        bounds = str(one.by_memory), "unknown" if one.by_time is None else str(one.by_time)
        sizes = size_text(one.weights_bytes), one.kv, size_text(one.window_bytes)
        table.add_row(one.weights, *sizes, step, str(one.calls), *bounds)
    return table
