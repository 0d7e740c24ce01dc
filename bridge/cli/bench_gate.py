"""`callbridge bench gate`: what the topic gate costs a step of the model."""

from __future__ import annotations

import json
import time
from statistics import quantiles
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from bridge.gate.rules import compile_rules
from bridge.gate.tokens import TokenGate
from bridge.gate.topic import TopicGate
from bridge.gate.vocabulary import Vocabulary
from bridge.persona.schema import AfterRefusals, BlockedTopic, Numbers

_PIECES: Final = 32_000
_PAD: Final = 3
_PADDED: Final = 0.6
"""Share of the steps in which a model that speaks writes padding."""

_NUMERIC: Final = 0.02
"""Share of the pieces that numbers are written with."""

_OF_NUMBERS: Final = [" 4", "9", " $", ".", ",", " forty", " dollars", "1"]

_SYLLABLES: Final = [consonant + vowel for consonant in "bcdfghlmnprstv" for vowel in "aeiou"]


def bench_gate(
    phrases: Annotated[int, typer.Option(min=1, help="Blocked phrases.")] = 200,
    numbers: Annotated[int, typer.Option(min=0, help="Rules on numbers, each near ten words.")] = 2,
    candidates: Annotated[int, typer.Option(min=1, help="Tokens offered for each slot and step.")] = 25,
    slots: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 64,
    ticks: Annotated[int, typer.Option(min=10, help="Steps of all calls that are measured.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the topic gate: time for each slot and step, and what it adds to a tick of all calls.

    Pieces, phrases and candidates are random, which is the costly case: little that was looked up occurs again. The
    calls share one persona, whose automaton has read each piece once.

    Examples:

        callbridge bench gate

        callbridge bench gate --slots 8 --phrases 1000 --json
    """
    rng = np.random.default_rng(0)
    pieces = ["", "", "", "", *(_piece(rng) for _ in range(_PIECES - 4))]
    blocked = tuple(" ".join(_word(rng, 4) for _ in range(rng.integers(1, 4))) for _ in range(phrases))
    topics = [BlockedTopic(topic="phrases", phrases=blocked)]
    for number in range(numbers):
        near = tuple(_word(rng, 2) for _ in range(10))
        topics.append(BlockedTopic(topic=f"numbers {number}", numbers=Numbers(near=near, kind="any")))
    began = time.thread_time()
    vocabulary = Vocabulary(compile_rules(tuple(topics)), pieces)
    compiled_ms = (time.thread_time() - began) * 1e3
    gates = [TokenGate(vocabulary, TopicGate(vocabulary.rules, "No.", AfterRefusals()), _PAD) for _ in range(slots)]
    times = [_tick(rng, gates, candidates) for _ in range(ticks)]
    percentiles = quantiles(times, n=100, method="inclusive")
    report = {
        "phrases": phrases,
        "number_rules": numbers,
        "candidates": candidates,
        "slots": slots,
        "compile_ms": round(compiled_ms, 1),
        "slot_step_us": round(sum(times) / ticks / slots * 1e6, 2),
        "tick_ms_p50": round(percentiles[49] * 1e3, 3),
        "tick_ms_p99": round(percentiles[98] * 1e3, 3),
    }
    if as_json:
        typer.echo(json.dumps(report, indent=1))
        return
    table = Table("Topic gate", "Measured", "Target")
    compiled = f"compile {phrases} phrases and {numbers} rules on numbers against {_PIECES} pieces"
    table.add_row(compiled, f"{report['compile_ms']} ms", "")
    table.add_row(f"slot and step, {candidates} candidates", f"{report['slot_step_us']} µs", "50 µs")
    table.add_row(f"tick of {slots} slots, median", f"{report['tick_ms_p50']} ms", "2 ms at 64")
    table.add_row(f"tick of {slots} slots, 99th percentile", f"{report['tick_ms_p99']} ms", "")
    Console().print(table)


def _tick(rng: np.random.Generator, gates: list[TokenGate], candidates: int) -> float:
    """Processor seconds that one step of all calls takes: other programs on the machine do not count."""
    offered = rng.integers(4, _PIECES, (len(gates), candidates))
    offered[:, 0] = np.where(rng.random(len(gates)) < _PADDED, _PAD, offered[:, 0])
    rows = offered.tolist()
    chances = [1 / candidates] * candidates
    began = time.thread_time()
    choices = [gate.choose(row, chances) for gate, row in zip(gates, rows, strict=True)]
    took = time.thread_time() - began
    for gate, choice in zip(gates, choices, strict=True):
        if choice.stopped is not None:
            gate.spoke("No.")
    return took


def _piece(rng: np.random.Generator) -> str:
    return str(rng.choice(_OF_NUMBERS)) if rng.random() < _NUMERIC else _word(rng, 3, spaced=True)


def _word(rng: np.random.Generator, longest: int, *, spaced: bool = False) -> str:
    word = "".join(rng.choice(_SYLLABLES) for _ in range(rng.integers(1, longest + 1)))
    return f" {word}" if spaced and rng.random() < 0.5 else word
