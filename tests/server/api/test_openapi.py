"""The description of the API: every route says what it is for, what it needs, and shows what comes and goes."""

import json
from typing import get_args

import pytest
from typer.testing import CliRunner

from bridge.cli.api import description
from bridge.cli.main import app
from bridge.server.access.scopes import Scope
from bridge.server.api.openapi import TAGS, example_of, operations, scopes_of

ANY_KEY = {("get", "/v1/session"), ("delete", "/v1/session"), ("post", "/v1/session/link")}
NO_KEY = {("post", "/v1/session")}


@pytest.fixture(scope="module")
def document():
    return description("https://bridge.example.com/phone")


@pytest.fixture(scope="module")
def ours(document):
    return [found for found in operations(document) if found[0].startswith("/v1/")]


def test_the_description_is_one_of_this_product(document):
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "callbridge"
    assert document["servers"] == [{"url": "https://bridge.example.com/phone"}]
    assert set(document["components"]["securitySchemes"]) == {"key", "session"}


def test_every_route_has_a_summary_one_known_tag_and_a_name_of_its_own(document):
    found = list(operations(document))
    assert all(operation["summary"] and len(operation["tags"]) == 1 for _, _, operation in found)
    assert {operation["tags"][0] for _, _, operation in found} <= set(TAGS)
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)


def test_every_route_of_ours_names_the_scope_that_it_needs(ours):
    for path, method, operation in ours:
        scopes = scopes_of(operation)
        if (method, path) in ANY_KEY | NO_KEY:
            assert not scopes
            assert (scopes is None) == ((method, path) in NO_KEY)
        else:
            assert scopes and set(scopes) <= set(get_args(Scope)), f"{method} {path}"
            assert all(f"`{scope}`" in operation["description"] for scope in scopes)
            assert {"401", "403", "429", "503"} <= set(operation["responses"])


def test_every_body_that_comes_or_goes_is_shown_by_an_example(ours):
    missing = []
    for path, method, operation in ours:
        bodies = {"request": operation["requestBody"]} if "requestBody" in operation else {}
        for status, said in (bodies | operation["responses"]).items():
            for kind, content in said.get("content", {}).items():
                if not ({"example", "examples"} & set(content) or is_binary(content.get("schema", {}))):
                    missing.append(f"{method} {path} {status} {kind}")
    assert not missing


def is_binary(schema):
    return schema.get("type") == "string" and schema.get("format") == "binary"


def test_every_answer_of_ours_says_what_it_is(ours):
    for path, method, operation in ours:
        for status, said in operation["responses"].items():
            assert said["description"], f"{method} {path} {status}"
            if status not in ("204", "304"):
                assert said.get("content"), f"{method} {path} {status}"


def test_no_example_lies_about_its_schema(document, ours):
    schemas = document["components"]["schemas"]
    for path, method, operation in ours:
        for said in [operation.get("requestBody", {}), *operation["responses"].values()]:
            content = said.get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            if name and "example" in content:
                fields = schemas[name].get("properties", {})
                assert set(content["example"]) <= set(fields), f"{method} {path} {name}"
                assert set(schemas[name].get("required", ())) <= set(content["example"]), f"{method} {path} {name}"


def test_an_example_is_put_together_from_those_of_the_fields():
    schemas = {"Inner": {"type": "object", "properties": {"at": {"type": "string", "examples": ["noon"]}}}}
    whole = {
        "type": "object",
        "properties": {
            "many": {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}},
            "kind": {"enum": ["a", "b"]},
            "maybe": {"anyOf": [{"type": "string", "examples": ["x"]}, {"type": "null"}]},
            "sure": {"type": "boolean"},
        },
    }
    assert example_of(whole, schemas) == {"many": [{"at": "noon"}], "kind": "a", "maybe": "x", "sure": False}
    with pytest.raises(LookupError):
        example_of({"type": "object", "properties": {"silent": {"type": "string"}}}, {})


def test_what_is_null_in_an_example_is_shown_as_null(document):
    [example] = document["components"]["schemas"]["DownloadProgress"]["examples"]
    assert example["error"] is None


async def test_a_server_tells_the_same_as_the_command(serve, http, document):
    async with serve(public_url="https://bridge.example.com/phone") as server:
        told = (await http.get(f"{server.local_url}/openapi.json")).json()
    assert told == json.loads(json.dumps(document))


def test_the_command_writes_the_description_to_a_file(tmp_path):
    out = tmp_path / "openapi.json"
    done = CliRunner().invoke(app, ["api", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["servers"] == [{"url": "http://127.0.0.1:8080"}]
