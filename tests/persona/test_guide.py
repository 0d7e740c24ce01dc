"""The guide to persona files cannot go stale: its table and its example are compared with the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.gate.rules import compile_rules
from bridge.persona.load import examine
from bridge.persona.schema import BlockedTopic, Persona

GUIDE = (Path(__file__).parents[2] / "docs" / "persona-guide.md").read_text("utf-8")
ROW = re.compile(r"^\| `([^`]+)` \| (`?)([^|]*?)\2 \| ([^|]+) \| `([^|]+)` \|$", re.MULTILINE)
TABLE = {name: (default, meaning) for name, _, default, meaning, _ in ROW.findall(GUIDE)}


def default_of(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if info.default is None:
        return "none"
    if info.default in ("", ()):
        return "empty"
    if isinstance(info.default, bool):
        return "yes" if info.default else "no"
    return str(info.default)


def keys(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, str]]:
    """Each key of the schema that holds no other keys, with its default as the guide writes it."""
    for name, info in model.model_fields.items():
        annotation: Any = info.annotation
        inner = next((part for part in (annotation, *get_args(annotation)) if is_model(part)), None)
        if inner is None:
            yield before + name, default_of(info)
        else:
            yield from keys(
                inner, f"{before}{name}[]." if get_origin(annotation) in (tuple, dict) else f"{before}{name}."
            )


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def test_the_table_has_every_key_of_the_schema_and_no_other() -> None:
    assert list(TABLE) == [name for name, _ in keys(Persona)]


@pytest.mark.parametrize(("name", "default"), list(keys(Persona)))
def test_the_table_gives_the_schemas_default(name: str, default: str) -> None:
    assert TABLE[name][0] == default


def test_the_example_in_the_guide_is_good() -> None:
    example = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    assert len(example) == 1
    report = examine(example[0], "bakery")
    assert (report.problems, report.warnings) == ((), ())


def test_the_tables_of_the_gate_tell_the_truth() -> None:
    """Each text that docs/topic-gate.md calls stopped or passed is put to the gate."""
    page = (Path(__file__).parents[2] / "docs" / "topic-gate.md").read_text("utf-8")
    rows = re.findall(r'^\| `([^`]+)` \| (".*?) \| (.*?)\s*\|$', page, re.MULTILINE)
    assert len(rows) == 6
    for phrase, stopped, passed in rows:
        rules = compile_rules((BlockedTopic(topic="t", phrases=(phrase,)),))
        for text in re.findall(r'"([^"]+)"', stopped):
            assert rules.find(text), (phrase, text)
        for text in re.findall(r'"([^"]+)"', passed):
            assert not rules.find(text), (phrase, text)
