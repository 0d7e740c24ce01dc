"""Voices over HTTP: listed, heard, made of a recording, deleted."""

import io
import wave

import numpy as np
import pytest
from scipy.io import wavfile

from bridge.server.auditions import MAX_TEXT

TINY = "tests/engine/personaplex/tiny"


def key(server):
    return {"Authorization": f"Bearer {server.api_key}"}


def recording(seconds=12.0, rate=16_000):
    """Noise as a WAV file."""
    file = io.BytesIO()
    samples = np.random.default_rng(0).integers(-3000, 3000, int(seconds * rate)).astype(np.int16)
    wavfile.write(file, rate, samples)
    return file.getvalue()


def heard(wav):
    """Sampling rate, and samples as floats."""
    with wave.open(io.BytesIO(wav)) as file:
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


async def add(http, server, name="ann", audio=None, **fields):
    return await http.post(
        f"{server.local_url}/v1/voices",
        headers=key(server),
        data={"name": name, "consent": "true"} | fields,
        files={"audio": ("ann.wav", audio or recording(), "audio/wav")},
        timeout=60,
    )


@pytest.fixture
def studio(serve, request, tmp_path):
    """`studio(engine=…)`: a server with the tiny model, and a folder for voices of its own."""
    own = {"model_dir": request.config.rootpath / TINY, "custom_voice_dir": tmp_path / "own"}
    return lambda **settings: serve(**own | settings)


async def test_packaged_voices_are_listed_before_they_are_downloaded(serve, http, tmp_path):
    async with serve(model_dir=tmp_path / "none", custom_voice_dir=tmp_path / "own") as server:
        answer = (await http.get(f"{server.local_url}/v1/voices", headers=key(server))).json()
        assert len(answer["voices"]) == 18
        natf2 = next(voice for voice in answer["voices"] if voice["name"] == "NATF2")
        assert natf2 == {
            "name": "NATF2",
            "type": "packaged",
            "category": "natural",
            "language": "en",
            "available": False,
            "custom": False,
            "personas": ["shop"],
        }
        assert (answer["engine"], answer["audition"]) == ("echo", "none")
        assert answer["cannot_add"] == "model"
        refused = await add(http, server)
        assert (refused.status_code, "download the model first" in refused.json()["detail"]) == (409, True)
        older = await http.get(f"{server.local_url}/api/voices", headers=key(server))
        assert older.json() == answer


async def test_a_voice_is_made_listed_first_and_deleted(studio, http, tmp_path, caplog):
    caplog.set_level("INFO", "bridge.voices")
    async with studio() as server:
        made = await add(http, server, language="en-GB")
        assert made.status_code == 201, made.text
        assert made.json()["voice"] == {
            "name": "ann",
            "type": "custom",
            "category": "custom",
            "language": "en-GB",
            "available": True,
            "custom": True,
            "personas": [],
        }
        assert made.json()["seconds"] == pytest.approx(12)
        assert -30 < made.json()["loudness"] < -10
        url = f"{server.local_url}/v1/voices"
        assert (await http.get(url, headers=key(server))).json()["voices"][0]["name"] == "ann"
        again = await add(http, server)
        assert (again.status_code, again.json()["detail"]) == (409, "there is a voice ann already")
        assert (await http.delete(f"{url}/ann", headers=key(server))).status_code == 204
        assert list((tmp_path / "own").iterdir()) == []
        assert caplog.messages == [
            "voice ann: made; the speaker's consent was confirmed with the key API_KEY",
            "voice ann: deleted with the key API_KEY",
        ]
        assert (await http.delete(f"{url}/ann", headers=key(server))).status_code == 404
        refused = await http.delete(f"{url}/GOLD0", headers=key(server))
        assert refused.status_code == 409
        assert "came with the model" in refused.json()["detail"]


async def test_nothing_is_made_without_consent_or_of_what_is_no_speech(studio, http, tmp_path):
    async with studio() as server:
        for fields, words in (
            ({"consent": "false"}, "without the speaker's consent"),
            ({"name": "../evil"}, "letters, digits"),
            ({"name": "NATF2"}, "is a packaged voice"),
            ({"language": "English"}, "must be a tag"),
            ({"audio": b"RIFF, or not"}, "cannot be read as a WAV file"),
        ):
            answer = await add(http, server, **fields)
            assert answer.status_code == 422, (fields.keys(), answer.text)
            assert words in answer.json()["detail"]
            assert str(tmp_path) not in answer.text and "/tmp" not in answer.text
        missing = await http.post(f"{server.local_url}/v1/voices", headers=key(server), data={"name": "ann"})
        assert missing.status_code == 422
        assert not (tmp_path / "own").exists()


async def test_a_voice_that_a_persona_speaks_with_is_not_deleted(studio, http, shop):
    async with studio(personas={"shop": shop + "voice: ann\n"}) as server:
        assert (await add(http, server)).json()["voice"]["personas"] == ["shop"]
        refused = await http.delete(f"{server.local_url}/v1/voices/ann", headers=key(server))
        assert (refused.status_code, refused.json()["detail"][:22]) == (409, "shop speaks with it; g")


async def test_the_cpu_engine_is_heard_in_its_own_voice_and_says_so(studio, http):
    async with studio(engine="cascade") as server:
        url = f"{server.local_url}/v1/voices/NATF2/sample.wav"
        answer = await http.get(url, headers=key(server))
        assert (answer.status_code, answer.headers["x-voice"]) == (200, "engine")
        rate, sound = heard(answer.content)
        assert rate == 8000 and 1 < len(sound) / rate < 10 and np.abs(sound).max() > 0.05
        spanish = await http.get(url, headers=key(server), params={"language": "es"})
        assert spanish.content != answer.content
        other = await http.get(url, headers=key(server), params={"text": "Good morning!"})
        assert len(other.content) < len(answer.content)


@pytest.mark.slow
async def test_personaplex_is_heard_in_the_voice_that_was_asked_for(studio, http):
    async with studio(engine="personaplex", device="cpu", slots=1) as server:
        assert (await add(http, server)).status_code == 201
        url = f"{server.local_url}/v1/voices"
        gold = await http.get(f"{url}/GOLD0/sample.wav?text=Hi", headers=key(server), timeout=60)
        ann = await http.get(f"{url}/ann/sample.wav?text=Hi", headers=key(server), timeout=60)
        assert (gold.headers["x-voice"], ann.headers["x-voice"]) == ("GOLD0", "ann")
        rate, sound = heard(gold.content)
        assert rate == 24_000 and 0.2 < len(sound) / rate < 5
        assert gold.content != ann.content
        steps = server.engine.counters.beat.steps
        assert (await http.get(f"{url}/GOLD0/sample.wav?text=Hi", headers=key(server))).content == gold.content
        assert server.switchboard.free == 1 and server.engine.counters.beat.steps == steps  # it was kept
        taken = server.engine.open("nobody")
        busy = await http.get(f"{url}/GOLD0/sample.wav?text=Bye", headers=key(server))
        assert (busy.status_code, "calls come first" in busy.json()["detail"]) == (409, True)
        taken.close()
        away = await http.get(f"{url}/NATF2/sample.wav", headers=key(server))
        assert (away.status_code, "not downloaded" in away.json()["detail"]) == (409, True)


async def test_an_engine_without_a_voice_says_so(studio, http):
    async with studio() as server:
        answer = await http.get(f"{server.local_url}/v1/voices/GOLD0/sample.wav", headers=key(server))
        assert (answer.status_code, answer.json()["detail"][:31]) == (501, "the echo engine has no voice, s")


@pytest.mark.parametrize("name", ["..", "%2e%2e%2fGOLD0", "GOLD0%00", "gold0", "voices/GOLD0", "GOLD0.pt", "é" * 300])
async def test_names_are_looked_up_and_never_made_into_paths(studio, http, name):
    async with studio() as server:
        for method, end in (("GET", "/sample.wav"), ("DELETE", "")):
            answer = await http.request(method, f"{server.local_url}/v1/voices/{name}{end}", headers=key(server))
            assert answer.status_code in (404, 405), answer.text


async def test_lines_are_bounded_and_hold_something_to_say(studio, http):
    async with studio(engine="cascade") as server:
        url = f"{server.local_url}/v1/voices/GOLD0/sample.wav"
        for params in ({"text": "a" * (MAX_TEXT + 1)}, {"text": "…!"}, {"text": ""}, {"language": "../en"}):
            assert (await http.get(url, headers=key(server), params=params)).status_code == 422
        long = await http.get(url, headers=key(server), params={"text": "a b " * (MAX_TEXT // 4)})
        assert long.status_code == 200
