"""`callbridge bench`: figures that anyone can reproduce."""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bridge.audio import mulaw
from bridge.audio.quality import measure
from bridge.audio.resample import model_to_phone, phone_to_model
from bridge.cli.needs import personaplex
from bridge.facts.formats import MODEL_FRAME, PHONE_FRAME, PHONE_PACKET
from bridge.facts.settings import load_settings

if TYPE_CHECKING:
    from bridge.engine.personaplex.pace import Bench

Number = TypeVar("Number", int, float)

app = typer.Typer(no_args_is_help=True, help="Measure parts of the bridge on this machine.")


class ModelSize(StrEnum):
    """Which dimensions the random model has: the published ones, or a thousandth of them."""

    FULL = "full"
    TINY = "tiny"


class WeightKind(StrEnum):
    """The choices of the setting WEIGHTS."""

    BF16 = "bf16"
    INT8 = "int8"
    FP8 = "fp8"


class KeyKind(StrEnum):
    """The choices of the setting KV."""

    BF16 = "bf16"
    FP8 = "fp8"


@app.command()
def audio(
    rounds: Annotated[int, typer.Option(min=10, help="Repetitions of each measurement.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the audio path: delay, ripple, images, aliases and cost of mu-law and the resamplers.

    Times stand beside a reference of the same length measured in the same run (copying one frame), because absolute
    times on a shared machine mean little.

    Examples:

        callbridge bench audio

        callbridge bench audio --json
    """
    rng = np.random.default_rng(0)
    phone = rng.integers(-8000, 8000, PHONE_FRAME).astype(np.int16)
    model = (rng.standard_normal(MODEL_FRAME) / 8).astype(np.float32)
    ulaw = mulaw.encode(phone)
    up, down = phone_to_model(), model_to_phone()
    as_float = mulaw.decode_float(ulaw)
    reference = _microseconds(model.copy, rounds)
    costs = {
        "decode 20 ms of mu-law": _microseconds(lambda: mulaw.decode(ulaw[:PHONE_PACKET]), rounds),
        "encode 80 ms of mu-law": _microseconds(lambda: mulaw.encode(phone), rounds),
        "resample 80 ms up (8 to 24 kHz)": _microseconds(lambda: up.process(as_float), rounds),
        "resample 80 ms down (24 to 8 kHz)": _microseconds(lambda: down.process(model), rounds),
    }
    quality = measure()
    if as_json:
        report: dict[str, Any] = {
            "quality": quality.as_dict(),
            "microseconds": {name: round(value, 2) for name, value in costs.items()},
            "reference_microseconds": round(reference, 3),
        }
        typer.echo(json.dumps(report, indent=1))
        return
    table = Table("Property of the path 8 → 24 → 8 kHz", "Measured", "Target", title="Quality")
    for row in quality.rows():
        table.add_row(*row)
    console = Console()
    console.print(table)
    table = Table("Work", "µs", "× copying a frame", title="Cost")
    for name, value in costs.items():
        table.add_row(name, f"{value:.1f}", f"{value / reference:.0f}")
    console.print(table)


@app.command()
def engine(
    model: Annotated[
        Path | None, typer.Option(help="A snapshot to measure.", exists=True, file_okay=False, show_default=False)
    ] = None,
    random: Annotated[
        ModelSize | None, typer.Option(help="Random weights instead: full on a GPU, tiny on a CPU by default.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cuda:1 or cpu, instead of DEVICE.")] = None,
    slots: Annotated[
        str | None, typer.Option(help="Calls at once, all talking; by default 1,2,4,8, on a GPU up to 64.")
    ] = None,
    fill: Annotated[str, typer.Option(help="Shares of the window that the calls have filled.")] = "0.2,1.0",
    weights: Annotated[WeightKind, typer.Option(help="How the temporal weights are held.")] = WeightKind.BF16,
    kv: Annotated[KeyKind, typer.Option(help="How keys and values are held.")] = KeyKind.BF16,
    graphs: Annotated[bool, typer.Option(help="Whether a GPU's steps are captured as CUDA graphs.")] = True,
    hold: Annotated[
        float, typer.Option(min=0, metavar="MINUTES", help="Then hold the most calls that are in time for so long.")
    ] = 0.0,
    seconds: Annotated[float, typer.Option(min=0, help="Time for each measurement; at least 10 ticks.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the tick of the PersonaPlex engine, one 80 ms frame of all calls, by the number and length of calls.

    No download is needed: without --model the weights are random. Times stand beside the limit that the memory sets:
    the bytes that a tick must read, at the device's bandwidth, which is measured by copying. With --hold, ticks are
    then made in real time, one each 80 ms, for so many minutes: first by the most calls of --slots whose p99 is in
    time, and where one of their ticks is late, by the next fewer.

    Examples:

        callbridge bench engine --random full --device cuda --slots 1,8,32,64

        callbridge bench engine --random full --device cuda --slots 48,56,64,72 --fill 1.0 --hold 10

        callbridge bench engine --random tiny --device cpu --seconds 2 --json
    """
    if model is not None and random is not None:
        raise typer.BadParameter("give either --model or --random")
    settings = load_settings(device=device)
    with personaplex():
        from bridge.engine.personaplex.device import choose_device
        from bridge.engine.personaplex.pace import Measurement, measure, model_to_measure
        from bridge.engine.personaplex.packing import Keys
        from bridge.engine.personaplex.quantise import Weights

        where = choose_device(settings.device)
        on_cpu = where.type == "cpu"
        size = random or (ModelSize.TINY if on_cpu else ModelSize.FULL)
        counts = _numbers("--slots", slots or ("1,2,4,8" if on_cpu else "1,2,4,8,16,32,64"), int, 256)
        fills = _numbers("--fill", fill, float, 1.0)
        console = Console(stderr=True)
        with console.status("loading the model"):
            measured = model_to_measure(model or size.value, where, Weights(weights.value))
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("measuring", total=None)
            bench = measure(
                measured,
                model.name if model else size.value,
                Measurement(counts, fills, seconds, hold, Weights(weights.value), Keys(kv.value), graphs),
                lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
            )
    if as_json:
        typer.echo(json.dumps(bench.as_dict(), indent=1))
    else:
        _show(bench)


def _show(bench: Bench) -> None:
    title = f"{bench.model} model, {bench.weights}, keys {bench.kv}, on {bench.device}; ms"
    parts = list(bench.points[0].parts_ms)
    table = Table("Calls", "Fill", "Tick p50", "p99", *parts, title=title)
    for heading in ("Launches", "KV, MB", "MB", "Limit", "× limit"):
        table.add_column(heading)
    for point in bench.points:
        table.add_row(
            str(point.slots),
            f"{point.fill:g}",
            f"{point.tick_ms_p50:.2f}",
            f"{point.tick_ms_p99:.2f}",
            *(f"{point.parts_ms[part]:.2f}" for part in parts),
            str(point.launches) if point.launches == point.kernels else f"{point.launches} ({point.kernels})",
            f"{point.kv_bytes / 1e6:.1f}",
            f"{point.memory_bytes / 1e6:.0f}",
            f"{point.bound_ms:.3g}",
            f"{point.ratio:.1f}",
        )
    console = Console(highlight=False)
    console.print(table)
    for slots, fill in bench.left_out:
        console.print(f"Not measured, for want of memory: {slots} calls with windows filled to {fill:g}.")
    sheet = f" ({bench.data_sheet_gb_per_s:,.0f} by its data sheet)" if bench.data_sheet_gb_per_s else ""
    console.print(f"Memory, by copying: {bench.bandwidth_gb_per_s:,.0f} GB/s{sheet}.")
    largest = bench.largest_in_time
    console.print(f"Most calls whose p99 stays under {bench.budget_ms:g} ms: {'none' if largest is None else largest}.")
    for held in bench.held:
        how = f"tick {held.ticks} was late" if held.late else f"{held.ticks} ticks, none late"
        console.print(f"{held.slots} calls for {held.minutes:g} minutes: {how}; the longest {held.longest_ms:.1f} ms.")


def _numbers(option: str, text: str, kind: type[Number], most: Number) -> list[Number]:
    """Numbers above 0 from a list with commas, in rising order."""
    try:
        numbers = sorted({kind(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number <= most for number in numbers):
        raise typer.BadParameter(f"{option} is {text!r}; it must be numbers above 0, at most {most}, with commas")
    return numbers


def _microseconds(work: Callable[[], object], rounds: int) -> float:
    """The fastest of five runs: what the work costs when nothing else disturbs it."""
    return min(timeit.repeat(work, number=rounds // 5, repeat=5)) / (rounds // 5) * 1e6
