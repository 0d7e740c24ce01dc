"""`callbridge bench`: figures that anyone can reproduce."""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from bridge.audio import mulaw
from bridge.audio.quality import measure
from bridge.audio.resample import model_to_phone, phone_to_model
from bridge.cli.needs import personaplex
from bridge.facts.formats import MODEL_FRAME, PHONE_FRAME, PHONE_PACKET
from bridge.facts.settings import load_settings

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
    random: Annotated[
        ModelSize | None, typer.Option(help="Size of the random weights: full on a GPU, tiny on a CPU by default.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cuda:1 or cpu, instead of DEVICE.")] = None,
    slots: Annotated[int, typer.Option(min=1, max=256, help="Calls at once, all of them talking.")] = 1,
    weights: Annotated[WeightKind, typer.Option(help="How the temporal weights are held.")] = WeightKind.BF16,
    steps: Annotated[int, typer.Option(min=10, max=10_000, help="Steps that are measured.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure one 80 ms step of the PersonaPlex runtime, with random weights: no download is needed.

    The time stands beside the limit that the memory sets: the bytes that a step must read, at the device's bandwidth
    (of a known GPU from its data sheet, otherwise measured by copying).

    Examples:

        callbridge bench engine --random full --device cuda --slots 1

        callbridge bench engine --random tiny --device cpu --json
    """
    settings = load_settings(device=device)
    with personaplex(), Console(stderr=True).status("making the model and taking the time"):
        from bridge.engine.personaplex.device import choose_device
        from bridge.engine.personaplex.pace import measure_pace
        from bridge.engine.personaplex.quantise import Weights

        where = choose_device(settings.device)
        size = random or (ModelSize.TINY if where.type == "cpu" else ModelSize.FULL)
        pace = measure_pace(size.value, where, slots=slots, weights=Weights(weights.value), steps=steps)
    if as_json:
        typer.echo(json.dumps(pace.as_dict(), indent=1))
        return
    table = Table("Figure", "Value", title=f"{pace.model} model, {pace.slots} at once, on {pace.device}")
    for name, value in pace.as_dict().items():
        table.add_row(name, f"{value:.2f}" if isinstance(value, float) else str(value))
    Console(highlight=False).print(table)


def _microseconds(work: Callable[[], object], rounds: int) -> float:
    """The fastest of five runs: what the work costs when nothing else disturbs it."""
    return min(timeit.repeat(work, number=rounds // 5, repeat=5)) / (rounds // 5) * 1e6
