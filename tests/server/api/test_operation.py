"""Health, the machine, and how the server has fared, over HTTP."""

import asyncio

import msgspec
import pytest

from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line
from bridge.engine.messages import Beat
from bridge.server.watch import Watch


def key(server):
    return {"Authorization": f"Bearer {server.api_key}"}


async def until(condition):
    """Wait for what a thread brings about."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_health_says_what_is_loaded_and_what_is_on_the_disk(serve, http, tmp_path):
    async with serve(engine="cascade", model_dir=tmp_path / "none") as server:
        await until(lambda: server.room.statuses)
        health = (await http.get(f"{server.local_url}/health")).json()
        assert (health["status"], health["engine"], health["calls"]) == ("ok", "cascade", 0)
        assert (health["model"], health["recogniser"]) == (None, "moonshine-tiny-en")
        assert [health[name] for name in ("asrLoaded", "asrDownloaded", "ttsLoaded", "llmLoaded")] == [
            True,
            True,
            True,
            False,
        ]
        models = {model["name"]: (model["status"], model["loaded"]) for model in health["models"]}
        assert models["personaplex-7b-v1"] == ("missing", False)
        assert all(loaded for name, (_, loaded) in models.items() if name != "personaplex-7b-v1")
        assert models["moonshine-tiny-en"] == models["svox-pico"] == ("downloaded", True)
        assert health["timestamp"].endswith("+00:00")


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_load_balancers_need_no_key(serve, http, path):
    async with serve() as server:
        assert (await http.get(server.local_url + path)).status_code == 200
        assert (await http.head(server.local_url + path)).status_code == 200


async def test_a_server_that_winds_down_is_alive_and_not_ready(serve, http):
    async with serve() as server:
        server.switchboard.draining = True
        live, ready, health = [await http.get(f"{server.local_url}/health{end}") for end in ("/live", "/ready", "")]
        assert (live.status_code, ready.status_code, health.status_code) == (200, 503, 503)
        assert ready.json()["why"].startswith("it winds down")
        server.switchboard.draining = False


async def test_an_engine_that_is_down_is_told_of(serve, http):
    async with serve() as server:
        server.engine.state = "down"
        told = (await http.get(f"{server.local_url}/health/ready")).json()
        assert told == {"ready": False, "status": "starting", "why": "the echo engine is down"}
        server.engine.state = "ready"


async def test_health_looks_at_nothing(serve, http, monkeypatch):
    """It is asked for each second: a disk that hangs must not take it along."""
    async with serve() as server:
        await until(lambda: server.room.statuses)
        for place in ("bridge.hub.catalogue.look", "bridge.server.machine_room.packaged", "pathlib.Path.stat"):
            monkeypatch.setattr(place, None)
        assert (await http.get(f"{server.local_url}/health")).status_code == 200
        monkeypatch.undo()


async def test_the_machine_is_told_with_what_its_gpu_can_hold(serve, http, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nvidia-smi").write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559, 9.0'\n")
    (tmp_path / "bin" / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    async with serve() as server:
        await until(lambda: server.room.statuses)
        machine = (await http.get(f"{server.local_url}/v1/machine", headers=key(server))).json()
        [gpu] = machine["gpus"]
        assert (gpu["name"], gpu["memory_bytes"]) == ("NVIDIA H100 80GB HBM3", 81559 << 20)
        bf16 = next(one for one in gpu["forecast"] if (one["weights"], one["kv"]) == ("bf16", "bf16"))
        assert bf16["real_time"] and bf16["calls"] == min(bf16["by_memory"], bf16["by_time"]) > 20
        assert machine["holds"] == {
            "engine": "echo",
            "state": "ready",
            "slots": 256,
            "calls": 256,
            "bound": "slots",
            "by_tick_time": 256,
            "by_memory": None,
        }
        assert [disk["for"] for disk in machine["disks"]] == ["models", "calls"]
        assert machine["memory"]["total_bytes"] > machine["memory"]["available_bytes"] > 0
        health = (await http.get(f"{server.local_url}/health")).json()
        assert health["gpu"] == {"name": "NVIDIA H100 80GB HBM3", "memory_bytes": 81559 << 20}


async def test_samples_say_what_happened_since_the_one_before(serve, http):
    async with serve() as server:
        now = 100.0
        watch = Watch(server.switchboard, clock=lambda: now)
        beat = server.engine.counters.beat
        counts = (0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0)  # 30 to 40 ms
        server.engine.counters.beat = Beat(1.5, 300_000_000, 10, 0, step_counts=counts, wait_counts=counts)
        now += 5
        watch.take()
        server.engine.counters.beat = msgspec.structs.replace(server.engine.counters.beat, cpu_seconds=4.0)
        now += 5
        watch.take()
        server.engine.counters.beat = beat
        told = watch.series.recent(60)
        assert told["tick_p50_ms"] == [35.0, None]
        assert told["wait_p99_ms"][0] == pytest.approx(24.95)
        assert told["engine_rss_mb"] == [300.0, 300.0]
        assert told["engine_cpu"][1] == 0.5
        assert told["capacity"] == [256, 256]


@pytest.mark.slow
async def test_what_callers_wait_for_answers_is_sampled_also_of_calls_that_have_ended(serve, http):
    async with serve(engine="cascade") as server:
        line = Line(server.local_url, persona="shop")
        script = Script([load_recording(BUNDLED / "u02.wav")], Manners())
        result = await place_call(line, script, api_key=server.api_key)
        await until(lambda: not server.switchboard.live)
        server.room.watch.take()
        told = server.room.watch.series.recent(60)
        assert sum(told["answers"]) >= 1
        heard = [ms for ms in result.response_ms if ms is not None]
        assert min(heard) - 400 < min(ms for ms in told["answer_p50_ms"] if ms) < max(heard) + 400


async def test_the_series_is_bounded_and_needs_its_scope(serve, http):
    async with serve() as server:
        url = f"{server.local_url}/v1/series"
        server.room.watch.take()
        told = (await http.get(url, headers=key(server))).json()
        assert told["calls"] == [0] and told["rss_mb"][0] > 10
        for seconds in ("0", "-1", "21601", "x", "1e9"):
            assert (await http.get(url, headers=key(server), params={"seconds": seconds})).status_code == 422
        assert (await http.get(url)).status_code == 401
