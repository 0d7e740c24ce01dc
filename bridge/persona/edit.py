"""One value of a persona file changed in its text, with everything else, comments included, left as it is."""

from __future__ import annotations

import re
from typing import Final

from bridge.facts.errors import PersonaError
from bridge.persona.document import Document, Path, read_yaml, spell

_SCALAR: Final = re.compile(r"""(\s*:[ \t]+)("[^"\n]*"|'[^'\n]*'|[^\s,#}{\[\]"'][^\s,#}]*)""")
"""Behind a key: the colon, and a value of one word."""


def with_value(text: str, group: str, key: str, value: str) -> str:
    """The text with `value` (a number, or a word that YAML takes as it stands) at `key` of a top-level group of keys.

    A key that is not there becomes the group's first. PersonaError if the text is not written so that this can be
    done for certain.
    """
    before = read_yaml(text)
    path: Path = (group, key)
    changed = _replaced(text, before, path, value) if path in before.places else _added(text, before, group, key, value)
    if changed is None or not _differs_only(before, read_yaml(changed), group, key, value):
        raise PersonaError(f"{spell(path)}: {value} cannot be written into this file for certain; write it by hand")
    return changed


def _replaced(text: str, document: Document, path: Path, value: str) -> str | None:
    start = _offset(text, document, path) + len(str(path[-1]))
    found = _SCALAR.match(text, start)
    return f"{text[:start]}{found[1]}{value}{text[found.end() :]}" if found else None


def _added(text: str, document: Document, group: str, key: str, value: str) -> str | None:
    """A new line before the group's first key, or a new entry in front of it where the group stands in braces."""
    inner = document.values.get(group)
    if not isinstance(inner, dict) or not inner:
        return None
    first = _offset(text, document, (group, next(iter(inner))))
    indent = text[text.rfind("\n", 0, first) + 1 : first]
    separator = f"\n{indent}" if not indent.strip() else ", "
    return f"{text[:first]}{key}: {value}{separator}{text[first:]}"


def _offset(text: str, document: Document, path: Path) -> int:
    line, column = document.places[path]
    return sum(len(row) for row in text.splitlines(keepends=True)[: line - 1]) + column - 1


def _differs_only(before: Document, after: Document, group: str, key: str, value: str) -> bool:
    if before.problems or after.problems:
        return False
    return bool(after.values == {**before.values, group: {**before.values[group], key: value}})
