"""What is wrong with a persona file, told to its owner."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.facts.errors import PersonaError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change: where in the file (line and column count from 1), in which key, what it is, what to do."""

    line: int
    column: int
    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """`line:column: where: what (hint)`."""
        place = f"{self.line}:{self.column}: {self.where}: " if self.where else f"{self.line}:{self.column}: "
        return f"{place}{self.what} ({self.hint})" if self.hint else f"{place}{self.what}"


class PersonaFileError(PersonaError):
    """A persona file that cannot be used. `problems` holds everything that is wrong with it, in order of line."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        """`name` is the file's name without `.yaml`."""
        super().__init__("\n".join(f"{name}.yaml:{problem}" for problem in problems))
        self.problems = problems
