"""Voices, models and health in a real browser: what is shown is so, and what is pressed is done."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from scipy.io import wavfile

from bridge.server.series import Sample
from tests.hub.conftest import LM, safetensors
from tests.hub.standin import TOKEN, StandIn, archive, running

pytestmark = pytest.mark.slow

TINY = "tests/engine/personaplex/tiny"
SMI = "#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559, 9.0'\n"


async def faults(page):
    """Serious faults of accessibility, and what is wider than the window."""
    found = await Axe().run(page)
    serious = [
        (each["id"], [node["target"] for node in each["nodes"]][:3])
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return serious + ([("wider by", wide)] if wide > 0 else [])


@pytest.fixture
def hub(monkeypatch):
    """A hub on localhost whose first file stops coming halfway."""
    files = {
        LM: safetensors(3_000_000),
        "tokenizer-e351c8d8-checkpoint125.safetensors": safetensors(400_000),
        "tokenizer_spm_32k_3.model": b"pieces" * 100,
        "voices.tgz": archive({"voices/NATF0.pt": b"one", "voices/VARM4.pt": b"two"}),
        "config.json": b"{}",
    }
    with running(StandIn(files)) as standin:
        standin.mishaps.stall_at = 2_000_000
        monkeypatch.setenv("HF_ENDPOINT", standin.endpoint)
        yield standin


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """A driver's tool that names a GPU."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nvidia-smi").write_text(SMI)
    (tmp_path / "bin" / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


async def test_a_voice_is_made_with_consent_heard_and_deleted(serve, open_console, request, tmp_path):
    noise = np.random.default_rng(0).integers(-3000, 3000, 12 * 24_000).astype(np.int16)
    wavfile.write(tmp_path / "Ann.wav", 24_000, noise)
    settings = {"model_dir": request.config.rootpath / TINY, "custom_voice_dir": tmp_path / "own"}
    async with (
        serve(engine="personaplex", device="cpu", **settings) as server,
        open_console(server) as console,
    ):
        page = console.page
        await console.go("voices")
        add = page.get_by_role("button", name="Add a voice")
        await add.press("Enter")
        await page.keyboard.press("Escape")
        await page.get_by_role("dialog").wait_for(state="detached")
        assert await add.evaluate("button => button === document.activeElement")
        await add.click()
        await page.get_by_label("Recording", exact=True).set_input_files(tmp_path / "Ann.wav")
        await page.get_by_text("12 s: a good length.").wait_for()
        assert await page.get_by_label("Name").input_value() == "Ann"
        await page.get_by_label("Language").select_option("en")
        await console.shot("voices-add")
        assert not await faults(page)
        await page.get_by_role("button", name="Make the voice").click()
        await page.get_by_text("Without consent no voice is made.").wait_for()
        assert not (tmp_path / "own").exists()
        await page.get_by_label("I have the consent").check()
        await page.get_by_role("button", name="Make the voice").click()
        await page.get_by_role("heading", name="Ann", exact=True).wait_for()
        await page.get_by_text("voice: Ann").wait_for()
        assert await page.locator("main h3").first.inner_text() == "Ann"
        await page.get_by_label("Line to speak").fill("Hi")
        await page.get_by_role("button", name="Listen to Ann").click()
        await page.get_by_role("button", name="Stop Ann").and_(page.locator("[aria-pressed=true]")).wait_for()
        await console.shot("voices-own")
        await page.get_by_role("button", name="Delete Ann").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("heading", name="Ann", exact=True).wait_for(state="detached")
        assert not list((tmp_path / "own").iterdir())


async def test_a_voice_is_recorded_with_the_microphone(serve, open_console, request, tmp_path):
    tone = (8000 * np.sin(np.arange(30 * 16_000) / 16_000 * 2 * np.pi * 220)).astype(np.int16)
    wavfile.write(tmp_path / "mic.wav", 16_000, tone)
    settings = {"model_dir": request.config.rootpath / TINY, "custom_voice_dir": tmp_path / "own"}
    async with serve(**settings) as server, open_console(server, mic=tmp_path / "mic.wav") as console:
        page = console.page
        await console.go("voices")
        await page.get_by_role("button", name="Add a voice").click()
        await page.get_by_role("button", name="Record with the microphone").click()
        await page.get_by_text("Recording: 2 s").wait_for()
        assert not await faults(page)
        await console.shot("voices-recording")
        await page.get_by_role("button", name="Stop recording").click()
        await page.get_by_text("10 to 20 seconds make a better voice").wait_for()
        await page.get_by_label("Name").fill("me")
        await page.get_by_label("I have the consent").check()
        await page.get_by_role("button", name="Make the voice").click()
        await page.get_by_text("The voice me is made.").first.wait_for()
        assert [path.name for path in (tmp_path / "own").iterdir()] == ["me.safetensors"]


async def test_the_cpu_engine_is_heard_as_what_it_is(serve, open_console, tmp_path):
    async with (
        serve(engine="cascade", model_dir=tmp_path / "none") as server,
        open_console(server) as console,
    ):
        page = console.page
        await console.go("voices")
        await page.get_by_text("It speaks with a voice of its own").wait_for()
        assert await page.get_by_role("button", name=re.compile("Listen to")).count() == 0
        await page.get_by_label("Language").select_option("es")
        async with page.expect_response("**/sample.wav*") as heard:
            await page.get_by_role("button", name="Listen").click()
        answer = await heard.value
        assert (answer.status, answer.headers["x-voice"], "language=es" in answer.url) == (200, "engine", True)
        await page.get_by_role("button", name="Stop").wait_for()
        await console.shot("voices-engine")


async def test_a_download_is_watched_stopped_gone_on_with_and_helped(serve, open_console, hub, gpu, tmp_path):
    settings = {"engine": "cascade", "hf_token": TOKEN, "model_dir": tmp_path / "model"}
    async with serve(**settings) as server, open_console(server) as console:
        page = console.page
        await console.go("models")
        await page.get_by_role("heading", name="NVIDIA H100 80GB HBM3").wait_for()
        await console.shot("models-before")
        await page.get_by_role("button", name="Download").click()
        await page.get_by_text(f"Downloading {LM}").wait_for()
        bar = page.get_by_role("progressbar", name="Progress of the download")
        await page.get_by_text("58.8 % · 2 MB of 3.4 MB").wait_for()
        await console.shot("models-downloading")
        assert not await faults(page)
        await page.get_by_role("button", name="Stop").click()
        await page.get_by_text("Stopped. What has come is kept").wait_for()
        assert await bar.count() == 0
        hub.mishaps.status = 403
        await page.get_by_role("button", name="Go on downloading").click()
        await page.get_by_text("The licence has not been accepted by the token's owner").wait_for()
        await console.shot("models-failed")
        assert not await faults(page)
        hub.mishaps.status, hub.mishaps.stall_at = None, None
        await page.get_by_role("button", name="Go on downloading").click()
        await page.get_by_text("The model is downloaded and checked.").wait_for()
        assert hub.ranges(LM) == [None, "bytes=2000000-"]
        await page.get_by_role("button", name="Check for what is missing").wait_for()


async def test_plots_say_in_words_what_they_show(serve, open_console, monkeypatch):
    monkeypatch.setattr("bridge.server.watch.EVERY", 3600)  # the server adds no sample of its own meanwhile
    async with serve() as server, open_console(server) as console:
        fill(server)
        page = console.page
        await console.go("health")
        ticks = page.get_by_role("img", name=re.compile("^Steps of the engine"))
        await ticks.wait_for()
        assert "99 of 100: now 61" in await ticks.get_attribute("aria-label")
        await page.get_by_text("Takes calls").wait_for()
        table = page.get_by_role("figure", name="Calls and capacity")
        await table.get_by_text("As a table").click()
        assert "32" in await table.get_by_role("row", name=re.compile("capacity")).inner_text()
        await page.get_by_text("6 hours").click()
        await expect(page.locator("figure")).to_have_count(7)
        await console.shot("health-filled")
        assert not await faults(page)


@pytest.mark.parametrize(("scheme", "window", "locale"), [("dark", "phone", "es-ES"), ("light", "desktop", "es-ES")])
async def test_the_views_are_whole_in_spanish_on_every_screen(
    serve, open_console, gpu, scheme, window, locale, request, tmp_path
):
    settings = {"model_dir": tmp_path / "none", "custom_voice_dir": tmp_path / "own", "engine": "cascade"}
    async with (
        serve(**settings) as server,
        open_console(server, scheme=scheme, window=window, locale=locale) as console,
    ):
        fill(server)
        for view, words in (("voices", "Naturales"), ("models", "H100"), ("health", "Pasos del motor")):
            await console.go(view)
            await console.page.get_by_text(words).first.wait_for()
            await asyncio.sleep(0.3)
            await console.shot(f"rooms-{view}-{scheme}-{window}")
            assert not await faults(console.page), view


def fill(server):
    """An hour of a busy GPU."""
    waves = np.random.default_rng(1).normal(0, 1, (720, 4))
    now = datetime.now(UTC)
    for index, (a, b, c, d) in enumerate(waves):
        calls = round(16 + 12 * np.sin(index / 60) + a)
        tick = 30 + calls + b
        answered = index % 7 == 0
        server.room.watch.series.add(
            Sample(
                at=now - timedelta(seconds=5 * (720 - index)),
                calls=calls,
                capacity=32,
                on_hold=max(0, calls - 27),
                tick_p50_ms=tick,
                tick_p99_ms=min(tick + 8 + abs(c), 79.0) if index < 719 else 61.0,
                wait_p50_ms=9 + b,
                wait_p99_ms=18 + abs(c),
                answers=int(answered),
                answer_p50_ms=620 + 40 * d if answered else None,
                answer_p95_ms=700 + 60 * abs(d) if answered else None,
                loop_lag_ms=1 + abs(d) * 2,
                rss_mb=240 + index / 100,
                engine_rss_mb=2900 + index / 80,
                cpu=0.1 + calls / 200,
                engine_cpu=0.5 + calls / 60,
            )
        )
