"""The personas of a folder as somebody edits them: each file with everything there is to say about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from bridge.facts.errors import PersonaError
from bridge.persona.load import Report, compare, examine
from bridge.persona.problem import Problem
from bridge.server.persona_files import MAX_FILES, Condition, PersonaFile, PersonaFileRefusedError, PersonaFiles


@dataclass(frozen=True, slots=True)
class Examined:
    """A file and what is wrong with it; `file` is none where it cannot be read, which is a problem in the report."""

    file: PersonaFile | None
    report: Report


class PersonaEditor:
    """Reads, checks and changes. All methods block and belong in one thread: a check holds until what it let pass is
    written.
    """

    def __init__(self, files: PersonaFiles) -> None:
        """Nothing is read yet."""
        self._files = files

    def all(self) -> list[Examined]:
        """Every file of the folder, by name."""
        read = [self._read(name) for name in self._files.names()]
        together = compare([examined.report for examined in read])
        return [replace(examined, report=report) for examined, report in zip(read, together, strict=True)]

    def one(self, name: str) -> Examined:
        """The file of a persona. PersonaFileRefusedError where there is none, or none that can be shown."""
        file = self._files.read(name)
        return Examined(file, self._beside_others(_examined(file.text, name)))

    def check(self, name: str, text: str) -> Report:
        """What is to say about a text if it were the file of `name`, beside the others as they are."""
        return self._beside_others(examine(text, name))

    def write(self, name: str, data: bytes, condition: Condition) -> tuple[bool, Report]:
        """Write a persona that has no problems; whether it is a new one. PersonaFileRefusedError if it may not be."""
        try:
            report = self.check(name, PersonaFile(name, data, "").text)
        except PersonaFileRefusedError as error:  # too long, or not UTF-8
            return False, _unreadable(name, error)
        if report.problems:
            return False, report
        return self._files.write(name, data, condition), report

    def delete(self, name: str, condition: Condition) -> None:
        """Take a persona out. PersonaFileRefusedError."""
        self._files.delete(name, condition)

    def _read(self, name: str) -> Examined:
        try:
            file = self._files.read(name)
            return Examined(file, _examined(file.text, name))
        except PersonaError as error:
            return Examined(None, _unreadable(name, error))

    def _beside_others(self, report: Report) -> Report:
        others = [self._read(other).report for other in self._files.names() if other != report.name]
        return compare([report, *others])[0]


# 30 ms for a persona of the usual length, and most have not changed since they were looked at last.
@lru_cache(maxsize=MAX_FILES)
def _examined(text: str, name: str) -> Report:
    return examine(text, name)


def _unreadable(name: str, error: PersonaError) -> Report:
    return Report(name, None, (Problem(1, 1, "", str(error)),))
