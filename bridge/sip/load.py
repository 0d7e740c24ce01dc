"""`sip.yaml`: text in, a plan or everything that is wrong with it out. No file is opened here."""

from __future__ import annotations

from pydantic import ValidationError

from bridge.facts.errors import SettingsError
from bridge.persona.document import Document, Path, read_yaml
from bridge.sip.plan import SipPlan

_KINDS = {"address", "login", "register"}


def parse_plan(text: str, name: str = "sip.yaml") -> SipPlan:
    """The plan in a file's text. `SettingsError` lists all that is wrong, as `name:line:column: where: what`."""
    document = read_yaml(text, "callbridge sip new")
    if document.problems:
        raise SettingsError("\n".join(f"{name}:{problem}" for problem in document.problems))
    try:
        return SipPlan.model_validate(document.values)
    except ValidationError as error:
        found = [_complaint(document, detail["loc"], detail["type"], detail["msg"]) for detail in error.errors()]
        raise SettingsError("\n".join(f"{name}:{line}" for line in dict.fromkeys(found))) from None


def _complaint(document: Document, location: Path, kind: str, message: str) -> str:
    # The kind of a trunk stands in pydantic's path, but in no file.
    path = tuple(part for part in location if part not in _KINDS)
    match kind:
        case "extra_forbidden":
            return str(document.problem(path, "there is no such key"))
        case "missing":
            return str(document.problem(path, "is missing"))
        case "union_tag_not_found":
            return str(document.problem(path, "has no kind", "kind: address, login or register"))
        case "union_tag_invalid":
            return str(document.problem((*path, "kind"), "there is no such kind", "kind: address, login or register"))
        case _:
            return str(document.problem(path, message.removeprefix("Value error, ")))
