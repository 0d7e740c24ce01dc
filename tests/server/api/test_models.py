"""Models over HTTP: the catalogue, and a download from a hub on localhost: watched, stopped, gone on with, failed."""

import asyncio
import json

import httpx
import pytest

from tests.hub.conftest import LM, safetensors
from tests.hub.standin import TOKEN, StandIn, archive, running

NAME = "personaplex-7b-v1"
MIMI = "tokenizer-e351c8d8-checkpoint125.safetensors"
SPM = "tokenizer_spm_32k_3.model"


@pytest.fixture
def hub(monkeypatch):
    """A hub that downloads ask, in whatever process they run."""
    files = {
        LM: safetensors(300_000),
        MIMI: safetensors(40_000),
        SPM: b"pieces" * 100,
        "voices.tgz": archive({"voices/NATF0.pt": b"one", "voices/VARM4.pt": b"two"}),
        "config.json": b"{}",
    }
    with running(StandIn(files)) as standin:
        monkeypatch.setenv("HF_ENDPOINT", standin.endpoint)
        yield standin


@pytest.fixture
def bridge(serve, tmp_path):
    """`bridge(hf_token=…)`: a server that has no model yet."""
    return lambda **settings: serve(**{"hf_token": TOKEN, "model_dir": tmp_path / "model"} | settings)


def key(server):
    return {"Authorization": f"Bearer {server.api_key}"}


def url(server, name=NAME):
    return f"{server.local_url}/v1/models/{name}/download"


async def events(http, method, server, until=lambda event: False):
    """The events of a download up to its end, or to the one that is waited for."""
    found = []
    headers = key(server) | {"Accept": "text/event-stream"}
    async with http.stream(method, url(server), headers=headers, timeout=30) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if until(found[-1]):
                    return found
    return found


async def model(http, server):
    models = (await http.get(f"{server.local_url}/v1/models", headers=key(server))).json()
    return next(found for found in models if found["name"] == NAME)


async def test_the_catalogue_names_every_model_with_its_files(bridge, http):
    async with bridge(engine="cascade") as server:
        async with asyncio.timeout(20):
            while not server.room.statuses:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        models = (await http.get(f"{server.local_url}/api/models", headers=key(server))).json()
        assert [found["name"] for found in models] == [
            NAME,
            "moonshine-tiny-en",
            "silero-vad",
            "all-MiniLM-L6-v2",
            "svox-pico",
        ]
        ours, ears = models[0], models[1]
        assert (ours["status"], ours["isRequired"], ours["isAvailableForDownload"]) == ("missing", False, True)
        assert {file["name"]: file["status"] for file in ours["files"]}[LM] == "missing"
        assert (ears["status"], ears["loaded"], ears["requiresAuthentication"]) == ("downloaded", True, False)
        assert ours["download"] is None


async def test_a_download_is_watched_to_its_end(bridge, http, hub):
    async with bridge() as server:
        told = await events(http, "POST", server)
        assert told[-1]["state"] == "done"
        needed = sum(len(data) for name, data in hub.files.items() if name != "config.json")
        assert told[-1]["all_have"] == told[-1]["all_total"] == needed
        found = await model(http, server)
        assert (found["status"], found["download"]["state"]) == ("downloaded", "done")
        voices = (await http.get(f"{server.local_url}/v1/voices", headers=key(server))).json()["voices"]
        assert {voice["name"] for voice in voices if voice["available"]} == {"NATF0", "VARM4"}
        assert await events(http, "GET", server) == told[-1:]


async def test_a_download_goes_on_without_whoever_began_it_is_stopped_and_goes_on_from_there(bridge, http, hub):
    hub.mishaps.stall_at = 100_000
    async with bridge() as server:
        begun = await http.post(url(server), headers=key(server))
        assert (begun.status_code, begun.json()["state"]) == (202, "downloading")
        told = await events(http, "GET", server, until=lambda event: event["have"] == 100_000)
        assert (told[-1]["file"], told[-1]["total"]) == (LM, len(hub.files[LM]))
        assert told[-1]["all_have"] >= 100_000
        needed = sum(len(data) for name, data in hub.files.items() if name != "config.json")
        assert told[-1]["all_total"] == needed
        again = await http.post(url(server), headers=key(server))
        assert (again.status_code, "already" in again.json()["detail"]) == (409, True)
        stopped = await http.delete(url(server), headers=key(server))
        assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
        assert (await model(http, server))["status"] == "partial"
        assert (await http.delete(url(server), headers=key(server))).status_code == 409
        hub.mishaps.stall_at = None
        assert (await events(http, "POST", server))[-1]["state"] == "done"
        assert hub.ranges(LM) == [None, "bytes=100000-"]


@pytest.mark.parametrize(
    ("settings", "mishap", "kind", "words"),
    [
        ({"hf_token": None}, {}, "token_missing", "Accept it at https://huggingface.co/nvidia/personaplex-7b-v1"),
        ({"hf_token": "abc"}, {}, "token_malformed", "a token begins with hf_"),
        ({"hf_token": "hf_" + "a" * 30}, {}, "token_rejected", "rejects HF_TOKEN (401)"),
        ({}, {"status": 403}, "licence", "accept it"),
        ({}, {"status": 429, "headers": {"Retry-After": "40"}}, "rate_limit", "Wait 40 s"),
        ({}, {"corrupt": True}, "damaged", "another hash"),
    ],
)
async def test_a_download_that_fails_says_what_to_do(bridge, http, hub, settings, mishap, kind, words):
    for name, value in mishap.items():
        setattr(hub.mishaps, name, value)
    async with bridge(**settings) as server:
        last = (await events(http, "POST", server))[-1]
        assert (last["state"], last["error"]) == ("failed", kind)
        assert words in last["advice"]
        assert "hf_aaa" not in last["advice"]


async def test_what_cannot_be_downloaded_is_told(bridge, http, hub):
    async with bridge(engine="cascade") as server:
        async with asyncio.timeout(20):
            while not server.room.statuses:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        packaged = await http.post(url(server, "svox-pico"), headers=key(server))
        assert (packaged.status_code, "comes inside" in packaged.json()["detail"]) == (409, True)
        for name in ("nothing", "..%2f..", "%00", "a" * 500):
            for method in ("POST", "GET", "DELETE"):
                assert (await http.request(method, url(server, name), headers=key(server))).status_code == 404
        assert (await http.get(url(server), headers=key(server))).status_code == 404  # none has been begun


async def test_a_server_that_ends_stops_its_download_and_keeps_what_came(bridge, hub, tmp_path):
    hub.mishaps.stall_at = 100_000
    async with bridge() as server, httpx.AsyncClient(trust_env=False) as http:
        await events(http, "POST", server, until=lambda event: event["have"] == 100_000)
    assert (tmp_path / "model" / f"{LM}.part").stat().st_size == 100_000
