"""Calls over HTTP: found by what is known of them and by what was said, read, downloaded, deleted."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from bridge.call.recording import HEADER_BYTES, wav_header
from bridge.server import search
from bridge.server.wanted import Place
from tests.server.api.archive import NOON, call_id, put
from tests.server.test_running import call, until


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [int(row["call_id"], 16) for row in answer.json()["calls"]]


async def pages(client, **params):
    """All pages: the calls of each, and how many transcripts were read for it."""
    found, after = [], None
    while True:
        answer = await client.get("/calls", params=params | ({"after": after} if after else {}))
        found.append((ids(answer), answer.json()["searched"]))
        after = answer.json()["next"]
        if after is None:
            return found


async def test_calls_are_found_by_what_is_known_of_them(api, data_dir):
    put(data_dir, 1, "Hello")
    put(data_dir, 2, persona="other", caller="+442079460958")
    put(data_dir, 3, ended="idle", gate=True)
    put(data_dir, 4, ended="")
    put(data_dir, 60 * 24, sound=[[0, 0]] * 10)
    async with api() as (_, client):

        async def found(**params):
            return ids(await client.get("/calls", params=params))

        assert await found() == [1, 2, 3, 4, 1440]
        assert await found(persona="other") == [2]
        assert await found(persona="") == [1, 2, 3, 4, 1440]
        assert await found(ended="idle") == [3]
        assert await found(ended="interrupted") == [4]
        assert await found(ended="in_progress") == []
        assert await found(verdicts=True) == [3]
        assert await found(since="2026-01-31T00:00:00Z") == [1, 2, 3, 4]
        assert await found(until="2026-01-31") == [1440]
        for number in ("0.5", "1769860800", "1e-5"):  # seconds since 1970, perhaps, or a mistake
            assert (await client.get("/calls", params={"since": number})).status_code == 422
        assert await found(since="2026-01-31T12:57:30+01:00", until="2026-01-31T11:59:00Z") == [2]
        assert await found(**{"from": "+44 20 7946"}) == [2]
        assert await found(q="(202) 555-0143") == [1, 3, 4, 1440]
        assert await found(q="02079460958") == []  # not as it is written with its country
        assert await found(q="2079460958") == [2]
        assert await found(q=call_id(3)) == [3]
        assert await found(persona="nobody") == []
        row = (await client.get("/calls", params={"until": "2026-01-31"})).json()["calls"][0]
        assert (row["recording"], row["from"], row["ended"], row["turns"]) == (
            True,
            "+12025550143",
            "caller_hung_up",
            0,
        )
        assert str(data_dir) not in json.dumps(row)


async def test_pages_follow_each_other_without_gap_or_repetition(api, data_dir):
    for number in range(1, 8):
        put(data_dir, number)
    async with api() as (server, client):
        assert [found for found, _ in await pages(client, limit=3)] == [[1, 2, 3], [4, 5, 6], [7]]
        assert [found for found, _ in await pages(client, limit=7)] == [[1, 2, 3, 4, 5, 6, 7]]
        first = (await client.get("/calls", params={"limit": 3})).json()
        put(data_dir, 0)
        await asyncio.to_thread(server.store.rebuild, data_dir)  # a newer call does not move the pages
        assert ids(await client.get("/calls", params={"limit": 3, "after": first["next"]})) == [4, 5, 6]


async def test_words_are_found_in_what_either_side_said(api, data_dir):
    put(data_dir, 1, "Can I take ANTIBIOTICS?", " We can not talk about that.")
    put(data_dir, 2, "¿Abren el sábado?", " Abrimos a las nueve.")
    put(data_dir, 3, "Good morning", " The toothbrush costs five dollars.")
    put(data_dir, 4, 'A "quoted" word')
    async with api() as (_, client):

        async def found(q, **params):
            return ids(await client.get("/calls", params={"q": q} | params))

        assert await found("antibiotics") == [1]
        assert await found("Sabado") == [2]
        assert await found("toothbrush") == [3]  # the agent's words come in pieces
        assert await found("dollars morning") == [3]  # all of the words, in any order
        assert await found("morning antibiotics") == []
        assert await found('"quoted"') == [4]
        assert await found("  ") == [1, 2, 3, 4]
        assert await found("talk", persona="other") == []
        assert await found("caller_said") == []  # what is written around the words is none of them
        assert await found("%") == []
        assert (await client.get("/calls", params={"q": "nine"})).json() == {"calls": [], "next": None, "searched": 4}
        assert (await client.get("/calls", params={"q": "555-0143"})).json()["searched"] is None


async def test_a_search_reads_so_many_transcripts_and_says_where_to_go_on(api, data_dir, monkeypatch):
    for number in range(1, 25):
        put(data_dir, number, "a needle" if number in (9, 21, 24) else "hay")
    monkeypatch.setattr(search, "MOST_READ", 10)
    monkeypatch.setattr(search, "_BATCH", 4)
    async with api() as (_, client):
        assert await pages(client, q="needle") == [([9], 10), ([], 10), ([21, 24], 4)]
        assert [one for found, _ in await pages(client, q="needle", limit=1) for one in found] == [9, 21, 24]
        monkeypatch.setattr(search, "MOST_BYTES", 1)
        assert {read for _, read in await pages(client, q="needle")} == {1}


NONSENSE = [
    {"limit": 0},
    {"limit": 201},
    {"limit": "many"},
    {"after": "x"},
    {"after": "MjAyNg"},
    {"after": "é"},
    {"since": "yesterday"},
    {"until": "0.5"},
    {"since": "0001-01-01T00:00:00+14:00"},
    {"until": "9999-12-31T23:59:59-14:00"},
    {"q": "a" * 201},
    {"persona": "../shop"},
    {"persona": "a" * 65},
    {"ended": "' OR 1=1"},
    {"from": "\x00"},
    {"verdicts": "maybe"},
]
NAMES = [
    "0" * 16,
    "f" * 15,
    "..%2f..%2fapi.key",
    "%2e%2e%2fapi.key",
    "calls.db",
    "a%00b",
    "é",
    "A" * 16,
    "%",
    "'",
]
FILES = ["", "/transcript.txt", "/transcript.json", "/transcript.jsonl", "/recording.wav", "/waveform", "/events"]


async def test_what_cannot_be_asked_and_what_is_not_there_is_refused(api):
    async with api() as (_, client):
        for params in NONSENSE:
            answer = await client.get("/calls", params=params)
            assert answer.status_code == 422, (params, answer.text)
        for name in NAMES:
            for file in FILES:
                if (name, file) == ("..", "/events"):
                    continue  # clients make /v1/events of it, which is another address, and never ends
                assert (await client.get(f"/calls/{name}{file}")).status_code == 404, (name, file)
            assert (await client.delete(f"/calls/{name}")).status_code in (404, 405), name
        assert (await client.get(f"/calls/{NAMES[0]}/transcript.exe")).status_code == 422
        assert (await client.get(f"/calls/{NAMES[0]}/waveform?points=4001")).status_code == 422
        client.headers.pop("Authorization")
        for file in FILES:
            assert (await client.get(f"/calls/{NAMES[0]}{file}")).status_code == 401
        assert (await client.get("/calls")).status_code == 401
        assert (await client.delete(f"/calls/{NAMES[0]}")).status_code == 401


async def test_each_way_to_a_call_needs_its_scope(api, data_dir):
    put(data_dir, 1, "Hello", sound=[[0, 0]] * 10)
    async with api() as (server, client):

        async def status(scope, method, path):
            key, _ = await asyncio.to_thread(server.access.keys.create, f"{scope} {method} {path}", [scope])
            return (await client.request(method, path, headers={"Authorization": f"Bearer {key}"})).status_code

        one = f"/calls/{call_id(1)}"
        assert await status("calls:listen", "GET", one) == 403
        assert await status("calls:read", "GET", f"{one}/transcript.txt") == 200
        assert await status("calls:read", "GET", f"{one}/recording.wav") == 403
        assert await status("calls:listen", "GET", f"{one}/recording.wav") == 200
        assert await status("calls:read", "GET", f"{one}/waveform") == 403
        assert await status("calls:read", "DELETE", one) == 403
        assert await status("calls:control", "DELETE", one) == 200


async def test_a_call_is_read_in_every_form_without_a_path_of_the_machine(api, data_dir):
    put(data_dir, 1, "Hello", " Good morning.", sound=[[100, -100]] * 80, gate=True)
    async with api() as (_, client):
        one = (await client.get(f"/calls/{call_id(1)}")).json()
        assert (one["from"], one["ended"], one["recording"]) == ("+12025550143", "caller_hung_up", True)
        assert [turn["text"] for turn in one["turns"]] == ["Hello", "Good morning."]
        assert [event["phrase"] for event in one["gate"]] == ["ibuprofen"]
        assert str(data_dir) not in json.dumps(one)
        for link in one["links"].values():
            assert (await client.get(link.removeprefix("/v1"))).status_code == 200
        lines = await client.get(f"/calls/{call_id(1)}/transcript.jsonl")
        assert lines.headers["content-type"] == "application/x-ndjson"
        assert lines.content == next(data_dir.glob(f"calls/*/{call_id(1)}.jsonl")).read_bytes()
        text = (await client.get(f"/calls/{call_id(1)}/transcript.txt")).text
        assert text.splitlines()[0].startswith(f"Call {call_id(1)}: shop (echo), 2026-01-31T11:59:00.000Z, 0:30")
        assert "  0:00.0  caller  Hello" in text.splitlines()
        assert "  0:00.5  gate    refuse: ibuprofen (medicine), said by the agent" in text
        whole = await client.get(f"/calls/{call_id(1)}/transcript.json")
        assert whole.json()["turns"] == one["turns"]
        assert "recording" not in whole.json()


async def test_damaged_and_missing_transcripts_are_told(api, data_dir):
    put(data_dir, 1, "Hello", ended="")
    put(data_dir, 2, "Hello")
    path = next(data_dir.glob(f"calls/*/{call_id(1)}.jsonl"))
    path.write_bytes(path.read_bytes() + b"not json\n")
    async with api() as (_, client):
        one = (await client.get(f"/calls/{call_id(1)}")).json()
        assert (one["ended"], one["unreadable_lines"]) == ("interrupted", [3])
        assert (await client.get(f"/calls/{call_id(1)}/transcript.jsonl")).content.endswith(b"not json\n")
        next(data_dir.glob(f"calls/*/{call_id(2)}.jsonl")).unlink()
        assert (await client.get(f"/calls/{call_id(2)}")).json()["detail"] == "the transcript of this call is gone"
        assert ids(await client.get("/calls", params={"q": "hello"})) == [1]


async def test_an_index_that_was_edited_by_hand_leads_nowhere(api, data_dir, tmp_path):
    put(data_dir, 1, "Hello", sound=[[0, 0]] * 10)
    put(data_dir, 2, "Hello", sound=[[0, 0]] * 10)
    secret = tmp_path / "secret"
    secret.write_bytes(b"RIFF" + b"x" * 100)
    async with api() as (_, client):
        wav = next(data_dir.glob(f"calls/*/{call_id(2)}.wav"))
        wav.unlink()
        wav.symlink_to(secret)
        with closing(sqlite3.connect(data_dir / "calls.db")) as index, index:
            index.execute(
                "UPDATE calls SET transcript='../secret', recording='../secret' WHERE call_id=?", [call_id(1)]
            )
        for number in (1, 2):
            for file in ("recording.wav", "waveform"):
                assert (await client.get(f"/calls/{call_id(number)}/{file}")).status_code == 404
        assert (await client.get(f"/calls/{call_id(1)}")).status_code == 404
        assert (await client.delete(f"/calls/{call_id(1)}")).status_code == 503
        assert secret.exists()


async def test_a_recording_is_given_whole_and_in_parts(api, data_dir):
    put(data_dir, 1, sound=[[number, -number] for number in range(8000)])
    put(data_dir, 2)
    async with api() as (_, client):
        url = f"/calls/{call_id(1)}/recording.wav"
        whole = await client.get(url)
        assert (whole.status_code, whole.headers["content-type"], whole.headers["accept-ranges"]) == (
            *(200, "audio/wav", "bytes"),
        )
        assert whole.content[:44] == wav_header(32000)
        part = await client.get(url, headers={"Range": "bytes=44-47"})
        assert (part.status_code, part.content) == (206, whole.content[44:48])
        assert part.headers["content-range"] == f"bytes 44-47/{HEADER_BYTES + 32000}"
        assert (await client.get(url, headers={"Range": "bytes=-4"})).content == whole.content[-4:]
        assert (await client.get(url, headers={"Range": "bytes=99999-"})).status_code == 416
        assert (await client.get(url, headers={"Range": "bytes=x"})).status_code == 400
        for file in ("recording.wav", "waveform"):
            assert (await client.get(f"/calls/{call_id(2)}/{file}")).status_code == 404


async def test_the_outline_of_a_recording_has_the_extremes_of_each_stretch_on_both_sides(api, data_dir):
    put(data_dir, 1, sound=[[number - 16384, 16384 - 2 * number] for number in range(16384)])
    put(data_dir, 2, sound=[])
    async with api() as (_, client):
        drawn = (await client.get(f"/calls/{call_id(1)}/waveform", params={"points": 4})).json()
        assert (drawn["seconds"], drawn["rate"]) == (2.048, 8000)
        assert drawn["caller"] == [[-0.5, -0.375], [-0.375, -0.25], [-0.25, -0.125], [-0.125, 0.0]]
        assert drawn["agent"] == [[0.2501, 0.5], [0.0001, 0.25], [-0.2499, 0.0], [-0.4999, -0.25]]
        nothing = (await client.get(f"/calls/{call_id(2)}/waveform")).json()
        assert nothing == {"seconds": 0.0, "rate": 8000, "caller": [], "agent": []}
        next(data_dir.glob(f"calls/*/{call_id(2)}.wav")).write_bytes(
            b"RIFFnot a recording of ours at all, and long enough"
        )
        assert (await client.get(f"/calls/{call_id(2)}/waveform")).status_code == 404


async def test_a_call_that_goes_on_is_read_as_far_as_it_has_come_and_cannot_be_deleted(api):
    async with api(record=True) as (server, client):
        talking = call(server, 4)
        await until(lambda: server.switchboard.live)
        [live] = server.switchboard.live
        path = server.settings.data_dir / server.switchboard.live[live].recording
        await until(lambda: path.exists() and path.stat().st_size > HEADER_BYTES)
        one = (await client.get(f"/calls/{live}")).json()
        assert (one["ended"], one["recording"], one["call_id"]) == (None, True, live)
        assert ids(await client.get("/calls", params={"ended": "in_progress"})) == [int(live, 16)]
        assert b'"type":"call"' in (await client.get(f"/calls/{live}/transcript.jsonl")).content
        assert "in progress" in (await client.get(f"/calls/{live}/transcript.txt")).text
        sound = await client.get(f"/calls/{live}/recording.wav", headers={"Range": "bytes=0-1"})
        assert (sound.status_code, sound.headers["accept-ranges"]) == (200, "none")
        assert sound.content[:HEADER_BYTES] == wav_header(len(sound.content) - HEADER_BYTES)
        assert (await client.get(f"/calls/{live}/waveform")).json()["seconds"] >= 1
        assert (await client.delete(f"/calls/{live}")).status_code == 409
        await talking
        await until(lambda: not server.switchboard.live)
        assert (await client.delete(f"/calls/{live}")).json() == {"call_id": live, "deleted": True}
        assert list(server.settings.data_dir.glob("calls/*")) == []


async def test_nothing_of_a_call_is_left_or_found_once_it_is_deleted(api, data_dir):
    for number in (1, 2):
        put(data_dir, number, "my pet is called Zanzibar", " What a lovely name.", sound=[[0, 0]] * 10)
    async with api() as (_, client):
        assert ids(await client.get("/calls", params={"q": "zanzibar"})) == [1, 2]
        answers = await asyncio.gather(*(client.delete(f"/calls/{call_id(1)}") for _ in range(4)))
        assert {answer.status_code for answer in answers} <= {200, 404}
        assert 200 in {answer.status_code for answer in answers}
        assert (await client.get(f"/calls/{call_id(1)}")).status_code == 404
        assert ids(await client.get("/calls", params={"q": "zanzibar"})) == [2]
        assert [path.stem for path in sorted(data_dir.glob("calls/*/*"))] == [call_id(2)] * 2
        for path in data_dir.glob("calls.db*"):
            held = path.read_bytes()
            assert call_id(1).encode() not in held
            assert b"anzibar" not in held  # the index never held what was said


async def test_with_redaction_a_search_sees_what_was_written(api):
    async with api(redact=True) as (server, client):
        await call(server, 0.5)
        await until(lambda: not server.switchboard.live)
        [row] = (await client.get("/calls")).json()["calls"]
        assert "555" not in row["from"]
        assert (await client.get("/calls", params={"q": row["call_id"]})).json()["calls"] == [row]


async def test_an_index_that_cannot_be_read_is_an_answer_and_no_fault(api, data_dir):
    put(data_dir, 1, "Hello")
    async with api() as (_, client):
        with closing(sqlite3.connect(data_dir / "calls.db")) as index, index:
            index.execute("DROP TABLE calls")
        for path in ("/calls", f"/calls/{call_id(1)}", f"/calls/{call_id(1)}/recording.wav"):
            assert (await client.get(path)).status_code == 503
        assert (await client.delete(f"/calls/{call_id(1)}")).status_code == 503


def test_a_place_in_the_list_survives_being_a_cursor():
    place = Place("2026-01-31T12:00:00.000Z", call_id(7))
    assert Place.of(str(place)) == place
    assert NOON.isoformat()[:19] in place.started_at
    for wrong in ("", "x", "AAAA", str(place)[:-3], str(place) + "AAAA"):
        with pytest.raises(ValueError, match="next"):
            Place.of(wrong)
