"""YAML text to plain values with the place of each: mappings, lists and texts, and nothing else of YAML.

Every scalar stays the text that stands in the file. So `no`, `1.90`, `9:30` and `+12025550143` mean what they look
like, where YAML 1.1 would make them false, 1.9, 570 and a number without its plus; the schema decides what is a
number. Anchors, aliases, tags and several documents in one file are refused: a persona needs none of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from bridge.persona.problem import Problem

MAX_BYTES: Final = 64 * 1024
"""Size of the largest persona file in bytes of UTF-8; the shipped ones have 5 to 10 KiB."""

_MAX_DEPTH: Final = 12
"""Lists and mappings within each other; a persona needs four. Bounds the recursion over a hostile file."""

Path = tuple[str | int, ...]
"""Where a value stands: keys and places in lists, from the outside in."""

_HINTS: Final = {
    "mapping values are not allowed here": "a text with a colon in it needs quotes around it",
    "found character '\\t' that cannot start any token": "indent with spaces; YAML does not allow tabs",
    "expected ',' or ']', but got '?'": "inside [ ] a question needs quotes; or write the list with hyphens",
    "found undefined alias": "a text that begins with * needs quotes around it",
    "could not find expected ':'": "every key is followed by a colon and a space",
    "found unexpected end of stream": "a quote or bracket is never closed",
    "expected <block end>, but found '<scalar>'": "a text with quotes inside needs other quotes around it",
    "expected <block end>, but found '<block mapping start>'": "this line is indented further than the one before",
    "expected <block end>, but found '<block sequence start>'": "this line is indented unlike the one before",
}


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file, `(line, column)` of each key or entry by its path, and what is wrong with the YAML."""

    values: Any
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, path: Path, what: str, hint: str = "") -> Problem:
        """A problem with the value at `path`, or with the nearest that exists around it."""
        known = path
        while known and known not in self.places:
            known = known[:-1]
        line, column = self.places.get(known, (1, 1))
        return Problem(line, column, spell(path), what, hint)


def spell(path: Path) -> str:
    """A path in words, entries of lists counted from 1: `facts #2, answer`."""
    words = ""
    for part in path:
        words += f" #{part + 1}" if isinstance(part, int) else f", {part}" if words else part
    return words


def read_yaml(text: str, new: str = "callbridge persona new NAME") -> Document:
    """Read a file's text; the command `new` writes one to start from.

    A document with problems has values only as far as they could be told.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        what = f"the file has {size:,} bytes; a persona may have {MAX_BYTES:,}"
        return Document(None, problems=(Problem(1, 1, "", what, "shorten its information and answers"),))
    try:
        refused = _first_refused(text)
        if refused is not None:
            return Document(None, problems=(refused,))
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        return Document(None, problems=(_syntax(text, error),))
    if not isinstance(root, yaml.MappingNode):
        hint = f"`{new}` writes a file to start from"
        return Document(None, problems=(Problem(1, 1, "", "there are no keys in this file", hint),))
    reader = _Reader()
    values = reader.value(root, ())
    return Document(values, reader.places, tuple(reader.problems))


class _Reader:
    """Turns nodes into values and keeps places and problems on the way."""

    def __init__(self) -> None:
        self.places: dict[Path, tuple[int, int]] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.places.setdefault(path, _place(node.start_mark))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.style is None and node.value in ("", "~", "null", "Null", "NULL"):
            return None
        if any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in node.value):
            self._add(node.start_mark, path, "contains a control character", "remove the backslash sequence")
        return node.value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(key_node.start_mark, path, "a key must be a single word")
                continue
            key = key_node.value
            if key in values:
                first, _ = self.places[(*path, key)]
                hint = f"the first is in line {first}; keep one of them"
                self._add(key_node.start_mark, (*path, key), "is given twice", hint)
                continue
            self.places[(*path, key)] = _place(key_node.start_mark)
            values[key] = self.value(value_node, (*path, key))
        return values

    def _add(self, mark: Any, path: Path, what: str, hint: str = "") -> None:
        line, column = _place(mark)
        self.problems.append(Problem(line, column, spell(path), what, hint))


def _place(mark: Any) -> tuple[int, int]:
    """Line and column of a mark of PyYAML (which has two classes for them), counted from 1."""
    return mark.line + 1, mark.column + 1


def _first_refused(text: str) -> Problem | None:
    """The first construct that personas do without; found in the event stream, before anything is built."""
    depth = documents = 0
    for event in _events(text):
        line, column = _place(event.start_mark)
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if documents > 1:
            return Problem(line, column, "", "a second document begins here", "one file holds one persona; remove ---")
        if depth > _MAX_DEPTH:
            return Problem(line, column, "", "lists and keys are nested too deeply")
        if getattr(event, "anchor", None) is not None:
            hint = "write the text out; a text that begins with & or * needs quotes around it"
            return Problem(line, column, "", "anchors and aliases are not used in personas", hint)
        if getattr(event, "tag", None) is not None:
            hint = "a text that begins with ! needs quotes around it"
            return Problem(line, column, "", "tags are not used in personas", hint)
    return None


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=yaml.SafeLoader)


def _syntax(text: str, error: yaml.YAMLError) -> Problem:
    """A YAML syntax error in words. The parser cannot go on after one, so it stands alone."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        what = f"a character that no text file should have (U+{ord(text[error.position]):04X})"
        return Problem(line, column, "", what, "remove it")
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        line, column = _place(error.problem_mark)
        words = error.problem or "cannot be read"
        return Problem(line, column, "", f"not valid YAML: {words}", _HINTS.get(words, _opened(error)))
    return Problem(1, 1, "", f"not valid YAML: {error}")


def _opened(error: yaml.MarkedYAMLError) -> str:
    if error.context is None or error.context_mark is None:
        return ""
    return f"{error.context} that begins in line {error.context_mark.line + 1}"
