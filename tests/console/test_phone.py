"""The phone in the browser, with a microphone that plays a caller's recording."""

import re
import wave

import pytest
from playwright.async_api import expect

from bridge.audio import mulaw
from bridge.audio.resample import phone_to_model
from bridge.caller.recording import BUNDLED, load_recording
from tests.conftest import ROOT
from tests.console.conftest import WAIT_MS

pytestmark = pytest.mark.slow

RATE = 24_000
HALF_A_SECOND = bytes(RATE)

OWN_RATE = """
const original = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (stream) {
  if (this.sampleRate === 24000) throw new DOMException("no other rate than the microphone's", "NotSupportedError");
  return original.call(this, stream);
};
"""
"""What a browser does that cannot have its microphone at 24 kHz."""

NO_MICROPHONE = """
name => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", name)); }
"""


@pytest.fixture
def microphone(tmp_path):
    """`microphone(2.0, "blocked")`: a WAV file with so many seconds of silence, then that caller, `times` times.

    What the CPU engine understands of a rare word depends on where its frames begin, so that a caller may ask again.
    """

    def record(silence, name, times=1):
        ulaw = b"".join(packet.ulaw for packet in load_recording(BUNDLED / f"{name}.wav").packets)
        said = mulaw.to_int16(phone_to_model().process(mulaw.decode_float(ulaw))).tobytes()
        path = tmp_path / f"{name}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(HALF_A_SECOND * int(2 * silence) + (said + HALF_A_SECOND * 14) * times)
        return path

    return record


def dental():
    """The persona that comes along, with a shorter greeting, so that the test need not wait for its end."""
    text = (ROOT / "personas" / "dental.yaml").read_text()
    text = re.sub(r"^greeting: .*$", "greeting: Maple Street Dental.", text, flags=re.M)
    return re.sub(r"^consent: .*$\n", "", text, flags=re.M)


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def watch_audio(page, sizes):
    """Note the length of every binary message, by its direction."""

    def opened(socket):
        for way in ("framesent", "framereceived"):
            socket.on(
                way, lambda data, way=way: isinstance(data, bytes) and sizes.setdefault(way, []).append(len(data))
            )

    page.on("websocket", opened)


def figure(page, name):
    """The value of a figure of the delay."""
    return page.locator(".phone-figure", has=page.get_by_role("heading", name=name)).locator(".phone-value")


async def test_a_call_from_the_browser_is_answered_shown_and_ended(serve, open_console, microphone):
    mic = microphone(2.5, "blocked", times=3)
    async with (
        serve(engine="cascade", personas={"dental": dental()}) as server,
        open_console(server, mic=mic) as console,
    ):
        page, sizes = console.page, {}
        watch_audio(page, sizes)
        await console.go("phone?persona=dental")
        await page.get_by_text("Microphone").click()
        for treatment in ("Cancel the echo", "Adjust the level"):
            await page.get_by_label(treatment).uncheck()  # nothing is to change the recording
        await button(page, "Call").click()
        await expect(page.get_by_role("heading", name="Talking with Maple Street Dental")).to_be_visible()
        await page.keyboard.press("5")
        lines = page.locator(".talk-line")
        await expect(lines.filter(has_text="Maple Street Dental.")).to_be_visible()
        await expect(lines.filter(has_text="Key 5 pressed")).to_be_visible()
        verdict = page.locator(".talk-line.verdict", has_text="Topic “medical advice and medication”").first
        await expect(verdict).to_be_visible(timeout=2 * WAIT_MS)
        await expect(page.locator(".talk-line.caller mark").last).to_have_text(re.compile("antibiotic", re.I))
        await expect(page.locator(".talk-line.agent").last).to_contain_text("I'm sorry")
        await expect(figure(page, "Answer time")).to_have_text(re.compile(r"\d ms$"))
        await expect(figure(page, "Network")).to_have_text(re.compile(r"\d ms$"))
        await expect(figure(page, "Mouth to ear")).to_have_text(re.compile(r"\d ms$"))
        await console.shot("phone-call")
        await button(page, "Hang up").click()
        await expect(page.get_by_text("You hung up.")).to_be_visible()
        await console.shot("phone-over")
        assert set(sizes["framesent"]) == {960}  # 20 ms of 16 bits at 24 kHz
        address = await page.get_by_role("link", name="Open its record").get_attribute("href")

        call = server.store.get(address.rpartition("/")[2])
        assert (call.persona, call.ended_how) == ("dental", "caller_hung_up")


async def test_the_path_of_the_telephone_carries_mu_law_whatever_the_browsers_rate(serve, open_console, microphone):
    mic = microphone(0.5, "u05")
    async with serve() as server, open_console(server, mic=mic) as console:
        page, sizes = console.page, {}
        watch_audio(page, sizes)
        await page.add_init_script(OWN_RATE)
        await console.go("phone?persona=shop")
        await page.get_by_text("As over the phone").click()
        await button(page, "Call").click()
        # The engine gives every frame back as it came, so that the caller is heard as the agent.
        for who in ("You", "Agent"):
            meter = page.get_by_role("meter", name=f"Level: {who}")
            await expect(meter).to_have_attribute("aria-valuenow", re.compile(r"^-([1-3]\d|\d)$"))
        await page.get_by_role("region", name="Delay").get_by_text("More").click()
        await expect(page.get_by_text(re.compile(r"^4(4,100|8,000) Hz$"))).to_be_visible()
        await button(page, "Mute").click()
        await expect(page.get_by_role("meter", name="Level: You")).to_have_attribute("aria-valuenow", "-60")
        assert set(sizes["framesent"]) == {160}  # 20 ms of 8 bits at 8 kHz
        assert set(sizes["framereceived"]) == {640}  # 80 ms
        # The call goes on while other views are looked at. The other side of the console ends it.
        await page.get_by_role("link", name="Health", exact=True).click()
        await expect(page.get_by_role("heading", name="Health", level=1)).to_be_visible()
        await page.get_by_role("link", name="Phone", exact=True).click()
        await expect(page.get_by_role("heading", name="Talking with Corner Shop")).to_be_visible()
        [call_id] = server.switchboard.live
        server.switchboard.live[call_id].session.stop("operator_hangup", "it was asked for from outside")
        await expect(page.get_by_text("Somebody ended the call from the console.")).to_be_visible()


async def test_what_keeps_a_call_from_being_made_is_said_in_words(serve, open_console):
    async with serve(slots=1) as server:
        key, _ = server.access.keys.create("visitor", {"talk"})
        async with open_console(server, key=key) as console:
            page = console.page
            await console.go("phone")
            await page.get_by_role("textbox", name="Persona").fill("nobody")
            await button(page, "Call").click()
            await expect(page.get_by_role("alert")).to_contain_text("That persona answers no calls.")
            await page.get_by_role("textbox", name="Persona").fill("shop")
            await page.evaluate(NO_MICROPHONE, "NotAllowedError")
            await button(page, "Call again").click()
            await expect(page.get_by_role("alert")).to_contain_text("The microphone was refused.")
            await page.evaluate(NO_MICROPHONE, "NotFoundError")
            await button(page, "Call again").click()
            await expect(page.get_by_role("alert")).to_contain_text("There is no microphone.")
            await page.evaluate("Object.defineProperty(window, 'isSecureContext', { value: false })")
            await button(page, "Call again").click()
            await expect(page.get_by_role("alert")).to_contain_text("Open the console over https")
            await console.shot("phone-insecure")


async def test_a_caller_for_whom_there_is_no_line_is_told_so(serve, open_console):
    async with serve(slots=1) as server, open_console(server) as first, open_console(server) as second:
        for console in (first, second):
            await console.go("phone?persona=shop")
        await button(first.page, "Call").click()
        await expect(first.page.get_by_role("heading", name="Talking with")).to_be_visible()
        await button(second.page, "Call").click()
        await expect(second.page.get_by_role("alert")).to_contain_text("Every line is taken.")
        await button(first.page, "Hang up").click()
        await expect(first.page.get_by_text("You hung up.")).to_be_visible()
        await button(second.page, "Call again").click()
        await expect(second.page.get_by_role("heading", name="Talking with")).to_be_visible()
