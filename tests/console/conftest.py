"""A real Chromium in front of a real server. What the page asks for and what it complains of is watched throughout."""

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import async_playwright, expect

SHOTS = os.environ.get("CONSOLE_SHOTS")
"""A folder where the tests leave their screenshots, for eyes."""

WINDOWS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
WAIT_MS = 60_000
"""For a busy machine, where downloads and the making of voices come last; nothing here is slow."""

expect.set_options(timeout=WAIT_MS)


@dataclass
class Console:
    """A page of the console, signed in, and what was seen of it."""

    page: object
    context: object
    server: object
    foreign: list = field(default_factory=list)
    complaints: list = field(default_factory=list)
    asked: list = field(default_factory=list)

    async def go(self, route):
        """Open a view, such as `live`, by its address."""
        await self.page.goto(f"{self.server.local_url}/#/{route}")

    async def shot(self, name):
        """Leave a screenshot where `CONSOLE_SHOTS` says."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.fixture
def chromium():
    """Debian's Chromium; the test skips where it is missing."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not here: apt-get install chromium (as `make test-console` does where it may)")
    return path


@pytest.fixture
def open_console(chromium):
    """`async with open_console(server) as console`: signed in with the server's key unless `key` is another, or None.

    `mic` is a WAV file that the microphone plays, `window` one of `WINDOWS`, `scheme` light or dark. At the end nothing
    may have been asked of another host, and no error have been written to the console but those in `expected`.
    """

    @contextlib.asynccontextmanager
    async def opened(server, *, key="", mic=None, window="desktop", scheme="light", locale="en-GB", expected=()):
        flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--no-sandbox"]
        if mic:
            flags.append(f"--use-file-for-fake-audio-capture={mic}%noloop")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=flags)
            try:
                context = await browser.new_context(
                    viewport=WINDOWS[window],
                    color_scheme=scheme,
                    locale=locale,
                    permissions=["microphone"],
                    reduced_motion="reduce",
                )
                context.set_default_timeout(WAIT_MS)
                if key is not None:
                    await sign_in(context, server, key or server.api_key)
                page = await context.new_page()
                console = Console(page, context, server)
                watch(console)
                yield console
                await page.close()
                assert not console.foreign
                assert not [text for text in console.complaints if not any(part in text for part in expected)]
            finally:
                await browser.close()

    return opened


async def sign_in(context, server, key):
    """Have the browser hold a session, as after typing the key."""
    origin = server.local_url
    answer = await context.request.post(f"{origin}/v1/session", data={"key": key}, headers={"Origin": origin})
    assert answer.ok, await answer.text()


def watch(console):
    """Note each address that the page asks for, and each error that it writes."""
    host = urlsplit(console.server.local_url).netloc

    def asked(request):
        console.asked.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != host:
            console.foreign.append(request.url)

    def wrote(message):
        # What was refused is noted below, with its address.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            console.complaints.append(message.text)

    def answered(response):
        if response.status >= 400:
            console.complaints.append(f"{response.status} {response.request.method} {response.url}")

    console.page.on("request", asked)
    console.page.on("websocket", lambda socket: asked(socket))
    console.page.on("response", answered)
    console.page.on("console", wrote)
    console.page.on("pageerror", lambda error: console.complaints.append(str(error)))
