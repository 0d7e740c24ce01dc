"""The client's errors: each status has its kind, and each its words."""

import json

import pytest

from bridge.client import (
    ClientError,
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    ServerError,
    TooManyError,
)
from bridge.client.errors import refusal
from bridge.client.http import part
from bridge.client.sse import Event, events

KINDS = {
    400: InvalidError,
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    413: InvalidError,
    422: InvalidError,
    428: ConflictError,
    429: TooManyError,
    500: ServerError,
    503: ServerError,
}


@pytest.mark.parametrize(("status", "kind"), KINDS.items())
def test_a_status_is_an_error_of_its_kind_in_the_servers_words(status, kind):
    error = refusal(status, {}, b'{"detail": "there is no such call"}', "GET /v1/calls/7")
    assert type(error) is kind
    assert error.status == status
    assert str(error) == "GET /v1/calls/7: there is no such call"


def test_an_answer_of_a_proxy_is_told_by_its_status():
    assert "502" in str(refusal(502, {}, b"<html>Bad Gateway</html>", "GET /health"))


def test_a_list_of_what_is_wrong_becomes_a_sentence():
    wrong = [{"loc": ["body", "to"], "msg": "is required", "type": "missing"}]
    error = refusal(422, {}, json.dumps({"detail": wrong}).encode(), "POST /v1/calls")
    assert str(error) == "POST /v1/calls: body.to: is required"


def test_problems_of_a_persona_are_kept_with_their_lines():
    body = {"detail": "the persona cannot be used", "problems": [{"line": 3, "what": "there is no such key"}]}
    assert refusal(422, {}, json.dumps(body).encode(), "PUT").problems == ({"line": 3, "what": "there is no such key"},)


def test_how_long_to_wait_is_told():
    assert refusal(429, {"retry-after": "7"}, b"", "GET").retry_after == 7.0


@pytest.mark.parametrize("name", ["..", "", "."])
def test_what_would_lead_to_another_address_is_no_name(name):
    with pytest.raises(ClientError, match="is no name"):
        part(name)


def test_a_name_stays_one_part_of_the_address():
    assert part("../../health?x=1") == "..%2F..%2Fhealth%3Fx%3D1"


def test_events_are_read_as_the_standard_says():
    lines = [": here I am", "event: state", 'data: {"calls":', "data: []}", "", "data: [1]", "", "event: lost", ""]
    assert list(events(lines)) == [Event("state", {"calls": []}), Event("message", [1])]
