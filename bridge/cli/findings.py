"""Findings as lines for people to read, with or without colours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.text import Text

from bridge.facts.findings import Finding, Level

STYLES: Final = {Level.GOOD: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red", Level.SKIPPED: "dim"}


def show_findings(console: Console, findings: Iterable[Finding]) -> None:
    """A line each, and below it what to do."""
    for finding in findings:
        line = Text.assemble((f"{finding.level:8}", STYLES[finding.level]), f"{finding.name}: {finding.text}")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"{'':8}→ {finding.advice}", style="dim"), soft_wrap=True)
