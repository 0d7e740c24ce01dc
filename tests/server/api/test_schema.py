"""Schemathesis goes through the description of the API: whatever is sent, the answer is a described one, no fault."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from bridge.caller.place import place_call
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line
from tests.server.test_running import buzz

SEED = 20261121
EXAMPLES = 6

# What answers for ever has tests of its own; here it would only hold up.
ENDLESS = "^/v1/events$"

CONFIGURATION = """
[dictionaries.calls]
values = ["{call_id}", "57f1eb151d4c7451"]
[dictionaries.models]
values = ["personaplex-7b-v1", "moonshine-tiny-en", "none"]
[dictionaries.names]
values = ["shop", "NATF2", "nobody"]
[parameters]
"path.call_id" = {{ dictionary = "calls", probability = 0.7 }}
"path.name" = {{ dictionary = "names", probability = 0.7 }}
[[operations]]
include-path-regex = "^/v1/models/"
parameters = {{ "path.name" = {{ dictionary = "models", probability = 0.7 }} }}
[checks]
# That something cannot be done here, or not now, is an answer, where it is described.
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 501, 502, 503]
negative_data_rejection.expected-statuses = ["4xx", 501, 502, 503]
"""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)


@pytest.mark.slow
async def test_no_request_finds_a_fault_and_every_answer_is_described(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    folders = {"custom_voice_dir": tmp_path / "voices", "model_dir": tmp_path / "model"}
    async with serve(record=True, rate_limit=None, wrong_key_limit=None, **folders) as server:
        script = Script([buzz(0.4)], Manners(answer=300, greeting=0))
        await place_call(Line(server.local_url, persona="shop"), script)
        [entry] = server.store.list()
        (tmp_path / "st.toml").write_text(CONFIGURATION.format(call_id=entry.call_id))
        process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).parent / "st", "--config-file", "st.toml", "run"),
            *(f"{server.local_url}/openapi.json", "--url", server.local_url, "--no-color"),
            *("--header", f"Authorization: Bearer {server.api_key}", "--exclude-path-regex", ENDLESS),
            *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--generation-database", "none", "--no-shrink"),
            *("--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS), "--request-timeout", "15"),
            *("--continue-on-failure", "--warnings", "off"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert int(re.search(r"(\d+) generated", said)[1]) > 300
