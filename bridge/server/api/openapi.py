"""The description of the API (OpenAPI): what each route says of itself, and what is true of them all.

A route brings its summary, its tag, its models with examples, and the refusals of its own. Added here: the scope that
it asks for, the refusals that any route has, and a whole example of each body, put together from those of its fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI

TITLE: Final = "callbridge"

DESCRIPTION: Final = """\
Look at calls, listen in, talk, edit personas: what the console does, a program can do.

Send `Authorization: Bearer KEY` with a key of `callbridge keys create`. The scope that an address asks for stands
behind its security scheme. Everything at `/v1` is at `/api`, too, which is always the newest version. WebSockets are
not described here: see `docs/api.md`.
"""

TAGS: Final = {
    "calls": "Calls that are over and calls in progress: find, read, download, call somebody, put through, hang up.",
    "live": "The house as it is now, as server-sent events.",
    "speech": "Talk with a persona by sending recordings.",
    "personas": "Who answers: list, read, check, write.",
    "gate": "What a persona's topic gate does with a text.",
    "voices": "How personas sound: list, audition, make one of a recording.",
    "models": "What engines need on the disk: what is there, and downloads with progress.",
    "session": "The console's way in, and who a key belongs to.",
    "operation": "Whether the bridge is alive, what it has loaded, and its figures.",
}
"""What routes are about, in the order in which they are shown."""

REFUSALS: Final = {
    400: ("The body cannot be read.", "There was an error parsing the body"),
    401: ("No key was shown, or it does not work.", "this key does not work"),
    403: ("The key is not good for this.", "this key is not good for calls:read"),
    404: ("There is nothing of that name.", "there is no such call"),
    413: ("The body is too long.", "the body is longer than 65536 bytes"),
    429: ("Too many requests; `Retry-After` says for how many seconds to wait.", "this key sends too many requests"),
    503: ("The database cannot be read or written at the moment.", "the keys cannot be read at the moment"),
}
"""What may come in the place of an answer, in words, and an example of it."""

MALFORMED: Final = {"type": "missing", "loc": ["body", "persona"], "msg": "Field required"}
"""What is wrong with a request that is not of the described form, each mistake like this."""

_METHODS: Final = ("get", "put", "post", "delete", "patch", "head")
_DEPTH: Final = 12
"""Models within models that an example goes into."""


def describe(app: FastAPI, public_url: str) -> None:
    """Let `app` describe itself as the module's docstring says; `public_url` is where the world reaches it."""
    app.title, app.description = TITLE, DESCRIPTION
    app.openapi_tags = [{"name": name, "description": words} for name, words in TAGS.items()]
    app.servers = [{"url": public_url}]
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            complete(plain())
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's own documentation has it


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of each route of a description."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in _METHODS:
                yield path, method, operation


def complete(document: dict[str, Any]) -> None:
    """Add to a description what is true of every route."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Refusal"] = {
        "type": "object",
        "title": "Refusal",
        "description": "What was wrong, and what to do about it.",
        "required": ["detail"],
        "properties": {"detail": {"type": "string", "examples": ["there is no such call"]}},
    }
    if "ValidationError" in schemas:  # what was sent is not sent back
        schemas["ValidationError"]["properties"] = {
            name: field
            for name, field in schemas["ValidationError"]["properties"].items()
            if name in ("type", "loc", "msg")
        }
        schemas["HTTPValidationError"]["example"] = {"detail": [MALFORMED]}
        detail = schemas["HTTPValidationError"]["properties"]["detail"]
        schemas["HTTPValidationError"]["properties"]["detail"] = {"anyOf": [detail, {"type": "string"}]}
    for schema in schemas.values():
        if "properties" in schema and "examples" in schema:
            schema["examples"] = [_with_nulls(example, schema, schemas) for example in schema["examples"]]
    for path, _, operation in operations(document):
        _add_refusals(path, operation)
        _tell_scope(operation)
        for content in _bodies(operation):
            _add_example(content, schemas)


def _add_refusals(path: str, operation: dict[str, Any]) -> None:
    statuses = [401, 403, 429, 503] if operation.get("security") else []
    if "{" in path:
        statuses.append(404)
    if "requestBody" in operation:
        statuses += [400, 413]
    responses = operation["responses"]
    for status in statuses:
        words, example = REFUSALS[status]
        said = responses.setdefault(str(status), {})
        said.setdefault("description", words)
        if "content" not in said:
            schema = {"$ref": "#/components/schemas/Refusal"}
            said["content"] = {"application/json": {"schema": schema, "example": {"detail": example}}}
    for status, said in responses.items():
        if status == "429":
            said["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
        if status == "422":  # of its own, or FastAPI's where a name or a field is not of its form
            said["content"]["application/json"]["schema"] = _or_malformed(said)
        elif int(status) >= 400 and "content" not in said:
            schema = {"$ref": "#/components/schemas/Refusal"}
            said["content"] = {"application/json": {"schema": schema, "example": {"detail": said["description"]}}}
    operation["responses"] = dict(sorted(responses.items()))


def _or_malformed(said: dict[str, Any]) -> dict[str, Any]:
    malformed = {"$ref": "#/components/schemas/HTTPValidationError"}
    own = said.setdefault("content", {}).setdefault("application/json", {}).get("schema", malformed)
    return malformed if own == malformed else {"anyOf": [own, malformed]}


def _tell_scope(operation: dict[str, Any]) -> None:
    scopes = scopes_of(operation)
    if scopes is None:
        needs = "Needs no key."
    else:
        needs = f"Needs a key that is good for {' and '.join(f'`{scope}`' for scope in scopes)}." if scopes else ""
        needs = needs or "Needs a key, whatever it is good for."
    operation["description"] = "\n\n".join(filter(None, [operation.get("description", ""), needs]))


def scopes_of(operation: dict[str, Any]) -> list[str] | None:
    """The scopes that an operation asks for; none if any key will do, None if no key is needed."""
    if not operation.get("security"):
        return None
    return sorted({scope for way in operation["security"] for scopes in way.values() for scope in scopes})


def _bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for said in [operation.get("requestBody", {}), *operation["responses"].values()]:
        yield from said.get("content", {}).values()


def _add_example(content: dict[str, Any], schemas: dict[str, Any]) -> None:
    if "example" in content or "examples" in content:
        return
    try:
        content["example"] = example_of(content.get("schema", {}), schemas)
    except LookupError:
        return


def example_of(schema: dict[str, Any], schemas: dict[str, Any], depth: int = _DEPTH) -> Any:
    """An example of what a schema describes, from those of its fields. Raises `LookupError` where one has none."""
    if depth == 0:
        raise LookupError("too deep")
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth - 1)
    for known in ("example", "const", "default"):
        if known in schema:
            return schema[known]
    for several in ("examples", "enum"):
        if schema.get(several):
            return schema[several][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return example_of(schema[choice][0], schemas, depth - 1)
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas, depth - 1)]
    if schema.get("type") in ("boolean", "null"):
        return False if schema["type"] == "boolean" else None
    if "properties" in schema:
        fields = {name: field for name, field in schema["properties"].items() if not _is_file(field)}
        return {name: example_of(field, schemas, depth - 1) for name, field in fields.items()}
    raise LookupError("a field without an example")


def _with_nulls(example: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """An example with the fields that are null in it, which FastAPI leaves out."""
    for choice in schema.get("anyOf", [schema]):
        found = schemas[choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice
        if isinstance(example, list) and "items" in found:
            return [_with_nulls(each, found["items"], schemas) for each in example]
        if isinstance(example, dict) and "properties" in found:
            there = {
                name: field for name, field in found["properties"].items() if name in example or _may_be_null(field)
            }
            known = {name: _with_nulls(example.get(name), field, schemas) for name, field in there.items()}
            return known | {name: value for name, value in example.items() if name not in known}
    return example


def _may_be_null(schema: dict[str, Any]) -> bool:
    return {"type": "null"} in schema.get("anyOf", ())


def _is_file(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "string" and ("contentMediaType" in schema or schema.get("format") == "binary")
