"""Every view, light and dark, on a desktop and on a phone: nothing foreign, no error, no serious fault for anybody."""

import asyncio

import pytest
from axe_playwright_python.async_playwright import Axe

from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line

pytestmark = pytest.mark.slow

FIRST_VIEW_BYTES = 200_000
VIEWS = ("live", "calls", "phone", "personas", "voices", "models", "health")
LOOKS = [
    pytest.param("light", "desktop", "en-GB", id="light-desktop"),
    pytest.param("dark", "phone", "es-ES", id="dark-phone"),
    pytest.param("dark", "desktop", "es-ES", id="dark-desktop"),
    pytest.param("light", "phone", "en-GB", id="light-phone"),
]


async def place(server):
    """One finished call, recorded."""
    recordings = [load_recording(BUNDLED / "u20.wav")]
    line = Line(server.local_url, persona="shop", record=True)
    return await place_call(line, Script(recordings, Manners(greeting=300, answer=300)), api_key=server.api_key)


@pytest.mark.parametrize(("scheme", "window", "locale"), LOOKS)
async def test_a_view_has_no_serious_fault(serve, open_console, scheme, window, locale):
    axe = Axe()
    async with (
        serve() as server,
        open_console(server, scheme=scheme, window=window, locale=locale) as console,
    ):
        result = await place(server)
        faults = {}
        for view in (*VIEWS, "personas/shop", f"calls/{result.call_id}"):
            await console.go(view)
            await console.page.wait_for_selector("main h1")
            await settled(console.page)
            await console.shot(f"{scheme}-{window}-{view.split('/')[0]}{'-one' if '/' in view else ''}")
            found = await axe.run(console.page)
            serious = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
            if serious:
                faults[view] = [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in serious]
            wide = await console.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if wide > 0:
                faults[f"{view}: wider than the window by"] = wide
        assert not faults


async def test_the_first_view_is_small_and_asks_this_server_alone(serve, open_console):
    async with serve() as server, open_console(server) as console:
        devtools = await console.context.new_cdp_session(console.page)
        received = []
        await devtools.send("Network.enable")
        devtools.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        await console.go("live")
        await console.page.wait_for_selector("main h1")
        await settled(console.page)
        assert 0 < sum(received) <= FIRST_VIEW_BYTES, f"{sum(received)} bytes"


async def test_whoever_has_no_key_is_asked_for_one_and_sees_nothing_else(serve, open_console):
    async with serve() as server, open_console(server, key=None, expected=["401"]) as console:
        await console.go("calls")
        await console.page.wait_for_selector("input[type=password]")
        shown = await console.page.inner_text("body")
        assert "shop" not in shown.lower()
        await console.shot("sign-in")


async def settled(page):
    """Wait until what the view asked for has come: sockets and event streams stay open, so there is no idle network."""
    await asyncio.sleep(0.3)
    await page.wait_for_function("!document.querySelector('[aria-busy=true]')")
