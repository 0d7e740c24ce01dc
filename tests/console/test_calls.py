"""Finished calls in the console: found by words and filters, played with their transcript, downloaded, deleted."""

import re
import wave

import numpy as np
import pytest
from playwright.async_api import expect

from bridge.transcript.records import (
    AgentSaid,
    AgentUnheard,
    Call,
    CallerSaid,
    Ended,
    RecordingRecord,
    VerdictRecord,
    write,
)

pytestmark = pytest.mark.slow

DAY = "2026-01-31"
TOOTH, PARKING = "57f1eb151d4c7451", "3f9a1c0de4b25a77"


def call(call_id, minute, number):
    return Call(
        call_id, "shop", number, "+12025550111", "twilio", f"CA{call_id * 2}", f"{DAY}T09:{minute}:00.000Z", "echo"
    )


def ended(minute, seconds):
    return Ended("caller_hung_up", "the caller hung up", f"{DAY}T09:{minute}:30.000Z", seconds)


@pytest.fixture
def past(tmp_path):
    """Two calls of former days: one with sound, a verdict and unheard words, one that was not recorded."""
    folder = tmp_path / "data" / "calls" / DAY
    folder.mkdir(parents=True)
    tooth = [
        call(TOOTH, 30, "+12025550143"),
        RecordingRecord("began", 0),
        AgentSaid(" Corner Shop, hello.", 1, 200, 1800),
        CallerSaid("What helps against toothache?", 2500, 4200),
        AgentSaid(" Well,", 2, 5000, 5300),
        VerdictRecord("ibuprofen", "medicine", "agent", "refuse", 5320, withheld=" ibuprofen."),
        AgentUnheard(" you could take", 2, 5320, "gate"),
        AgentSaid(" I can't talk about medicine.", 3, 5400, 7600),
        ended(30, 8.0),
    ]
    (folder / f"{TOOTH}.jsonl").write_bytes(write(tooth))
    tone = (8000 * np.sin(np.arange(8 * 8000) * 0.2)).astype("<i2")
    with wave.open(str(folder / f"{TOOTH}.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.stack([tone * (np.arange(len(tone)) < 32000), tone // 2], axis=1).astype("<i2").tobytes())
    parking = [call(PARKING, 10, "+12025550177"), CallerSaid("Where can I park?", 500, 1900), ended(10, 3.0)]
    (folder / f"{PARKING}.jsonl").write_bytes(write(parking))


def rows(console):
    return console.page.locator(".calls-table tbody tr")


async def test_calls_are_found_by_words_and_filters_which_stand_in_the_address(past, serve, open_console):
    async with serve() as server, open_console(server) as console:
        await console.go("calls")
        await expect(rows(console)).to_have_count(2)
        await expect(rows(console).first).to_contain_text("+12025550143")
        await expect(rows(console).first).to_contain_text("1 verdict")

        search = console.page.get_by_role("searchbox")
        await search.fill("where park")
        await expect(rows(console)).to_have_count(1)
        await expect(rows(console)).to_contain_text("+12025550177")
        await expect(console.page).to_have_url(re.compile(r"#/calls\?q=where\+park$"))
        await search.fill("submarine")
        await expect(console.page.get_by_role("heading", name="No call is like that")).to_be_visible()
        await console.page.get_by_role("button", name="Clear filters").first.click()
        await expect(rows(console)).to_have_count(2)
        await expect(search).to_have_value("")

        await console.page.get_by_label("Only with verdicts").check()
        await expect(rows(console)).to_have_count(1)
        await console.page.reload()
        await expect(rows(console)).to_have_count(1)
        await expect(console.page.get_by_label("Only with verdicts")).to_be_checked()
        await console.page.get_by_label("To day").fill("2026-01-30")
        await expect(rows(console)).to_have_count(0)
        await console.shot("calls-none")


async def test_words_and_waveform_play_together(past, serve, open_console):
    async with serve() as server, open_console(server) as console:
        await console.go("calls")
        await rows(console).first.get_by_role("link").click()
        lines = console.page.locator(".talk-line")
        await expect(lines.filter(has_text="What helps against toothache?")).to_be_visible()
        verdict = console.page.locator(".talk-line.verdict")
        await expect(verdict).to_contain_text("medicine")
        await expect(verdict.locator("s")).to_have_text("ibuprofen.")
        await expect(console.page.locator(".talk-line.unheard s")).to_have_text("you could take")
        await expect(console.page.locator(".lane svg path").first).to_have_attribute("d", re.compile("^M0 "))

        await lines.filter(has_text="toothache").get_by_role("button", name="Play from 0:02").click()
        await expect(console.page.locator(".talk-line.current")).to_contain_text("toothache")
        await expect(console.page.get_by_role("button", name="Pause")).to_be_visible()
        await expect(console.page.locator(".talk-line.current")).to_contain_text("I can't talk about medicine.")
        await console.shot("call-playing")
        await console.page.get_by_role("button", name="Pause").click()

        place = console.page.get_by_role("slider", name="Place in the recording")
        await place.focus()
        await place.press("Home")
        await expect(place).to_have_attribute("aria-valuetext", "0:00 of 0:08")
        await place.press("ArrowRight")
        await expect(place).to_have_attribute("aria-valuenow", "5")
        await expect(console.page.locator(".talk-line.current")).to_contain_text("Well,")
        box = await place.bounding_box()
        await place.click(position={"x": box["width"] / 4, "y": 20})
        await expect(place).to_have_attribute("aria-valuenow", "2")
        await expect(console.page.locator(".talk-line.current")).to_contain_text("Corner Shop, hello.")


async def test_every_file_of_a_call_can_be_downloaded(past, serve, open_console):
    async with serve() as server, open_console(server, window="phone") as console:
        await console.go(f"calls/{TOOTH}")
        await console.page.get_by_text("Download", exact=True).click()
        assert (await console.page.locator(".menu-list").bounding_box())["x"] >= 0
        got = {}
        for link in await console.page.locator(".menu-list a").all():
            async with console.page.expect_download() as download:
                await link.click()
            file = await download.value
            got[file.suggested_filename] = await file.path()
        await console.page.keyboard.press("Escape")
        await expect(console.page.locator(".menu-list")).to_be_hidden()
        assert sorted(got) == [f"{TOOTH}.json", f"{TOOTH}.jsonl", f"{TOOTH}.txt", f"{TOOTH}.wav"]
        assert got[f"{TOOTH}.wav"].read_bytes()[:4] == b"RIFF"
        assert "toothache" in got[f"{TOOTH}.txt"].read_text()


async def test_a_call_is_deleted_when_that_is_confirmed(past, serve, open_console):
    async with serve() as server, open_console(server) as console:
        await console.go(f"calls/{PARKING}")
        await expect(console.page.get_by_text("This call was not recorded.")).to_be_visible()
        await console.page.get_by_role("button", name="Delete").click()
        dialog = console.page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Cancel").click()
        assert server.store.get(PARKING)
        await console.page.get_by_role("button", name="Delete").click()
        await dialog.get_by_role("button", name="Delete").click()
        await expect(rows(console)).to_have_count(1)
        assert server.store.get(PARKING) is None


async def test_a_key_that_is_not_good_for_listening_is_shown_words_and_no_player(past, serve, open_console):
    async with serve() as server:
        key, _ = server.access.keys.create("reader", ["calls:read"])
        async with open_console(server, key=key) as console:
            await console.go(f"calls/{TOOTH}")
            await expect(console.page.get_by_text("What helps against toothache?")).to_be_visible()
            await expect(console.page.get_by_text("calls:listen")).to_be_visible()
            assert not await console.page.locator("audio").count()
