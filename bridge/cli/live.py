"""A call on the terminal as it happens: the conversation scrolls, and below it stands what is going on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from bridge.caller.place import CallResult
from bridge.caller.script import Stage

_STYLES: Final = {"caller": "cyan", "agent": "green", "gate": "bold red", "problem": "yellow", "unheard": "dim"}
_UNHEARD: Final = {"caller_spoke": "the caller spoke", "gate": "the gate stopped it", "call_ended": "the call ended"}
_ENDED: Final = {
    "caller_hung_up": "the caller hung up",
    "server_closed": "the server ended the stream",
    "stream_failed": "the stream could not be opened",
    "not_connected": "the server offered no stream",
}

_SENTENCE_END: Final = re.compile(r"(?:^|\s)[^\s.]{2,}[.?!]\s*$")
"""A word of two letters or more with its stop: "a.m." ends no sentence."""


class ConversationView:
    """Shows the server's records of one call as lines. Use it as a context."""

    def __init__(self, console: Console, recordings: int = 0) -> None:
        """`recordings` is how many the caller will play, for the progress bar."""
        self._progress = _progress_bar(console)
        self._task = self._progress.add_task("", total=recordings or None)
        self._spoken = ""
        self._spoken_at = 0
        self._turn = 0

    def __enter__(self) -> ConversationView:
        """Begin to show progress."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show what is left and take the progress away."""
        self._flush()
        self._progress.stop()

    def waiting(self, what: str) -> None:
        """Say what is being waited for."""
        self._progress.update(self._task, description=what)

    def stage(self, stage: Stage, what: str) -> None:
        """The caller has entered a stage of its script."""
        if stage is Stage.SPEAKING:
            self._progress.advance(self._task)
        self.waiting(f"the caller {stage.value}" + (f" ({what})" if what else ""))

    def record(self, record: Mapping[str, Any]) -> None:
        """One record of the server's transcript. The agent's words come in pieces and are shown by the sentence."""
        match record:
            case {"type": "agent_said", "text": text, "start_ms": at, "turn": turn}:
                self._say(text, at, turn)
            case {"type": "caller_said", "text": text, "start_ms": at}:
                self._line("caller", text, at)
            case {"type": "verdict", "phrase": phrase, "action": action, "at_ms": at}:
                self._line("gate", f"{action}: {phrase}", at)
            case {"type": "agent_unheard", "text": text, "reason": reason, "at_ms": at}:
                self._line("unheard", f"{text.strip()} ({_UNHEARD.get(reason, reason)})", at)
            case {"type": "problem", "what": what, "at_ms": at}:
                self._line("problem", what, at)
            case {"type": "digit", "digit": digit, "at_ms": at}:
                self._line("caller", f"presses {digit or 'a key'}", at)

    def _say(self, text: str, at: int, turn: int) -> None:
        if turn != self._turn:
            self._flush()
            self._turn = turn
        self._spoken_at = self._spoken_at if self._spoken else at
        self._spoken += text
        if _SENTENCE_END.search(text):
            self._flush()

    def _flush(self) -> None:
        spoken, self._spoken = self._spoken.strip(), ""
        if spoken:
            self._line("agent", spoken, self._spoken_at)

    def _line(self, who: str, text: str, at_ms: int) -> None:
        self._flush()
        minutes, seconds = divmod(at_ms // 1000, 60)
        line = Text.assemble((f"{minutes:2}:{seconds:02}  ", "dim"), (f"{who:9}", _STYLES[who]), (text, _STYLES[who]))
        self._progress.console.print(line, soft_wrap=True)


def show_result(console: Console, result: CallResult) -> None:
    """What came of a call, in a few lines."""
    rows = [
        ("call", f"{result.call_id}, {result.seconds:.1f} s, persona {result.persona or 'unknown'}"),
        ("ended", _ENDED.get(result.ended_by, result.ended_by) + (f" ({result.ended})" if result.ended else "")),
        ("answers after", ", ".join("none" if ms is None else f"{ms} ms" for ms in result.response_ms)),
        (
            "frames late",
            _milliseconds("p50", result.late_frames_p50_ms) + _milliseconds("p99", result.late_frames_p99_ms),
        ),
        ("gate", ", ".join(f"{one['action']}: {one['phrase']}" for one in result.gate)),
        ("goes on with", ", ".join(f"{one['verb']} {one['text']}".strip() for one in result.after)),
        ("transcript", result.transcript or ""),
        ("recording", result.recording or ""),
        ("heard", result.heard or ""),
        *(("problem", problem) for problem in result.problems),
        *(("note", note) for note in result.notes),
    ]
    for name, text in rows:
        if text:
            style = "yellow" if name in ("problem", "note") else ""
            console.print(Text.assemble((f"{name:15}", "bold"), (text, style)), soft_wrap=True)


def _milliseconds(name: str, value: float | None) -> str:
    return "" if value is None else f"{name} {value:.1f} ms  "


def load_progress(console: Console, total_s: float) -> tuple[Progress, Callable[[float, int, int], None]]:
    """A progress bar for `callbridge load`, and the function that moves it."""
    progress = _progress_bar(console)
    task = progress.add_task("calls are placed", total=total_s)

    def moved(elapsed: float, running: int, failed: int) -> None:
        progress.update(task, completed=elapsed, description=f"{running} calls in progress, {failed} failed")

    return progress, moved


def _progress_bar(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
