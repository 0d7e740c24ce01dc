"""Calls in the console as they go on: words, verdicts, loudness; listening in, putting through, hanging up."""

import asyncio
import contextlib
import re
from dataclasses import replace

import pytest
from playwright.async_api import expect

from bridge.caller.dial import Callee, Listener
from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line
from bridge.server.tokens import Ticket

pytestmark = pytest.mark.slow

OUTBOUND = """
outbound:
  notice: This is the automated assistant of Corner Shop.
  greeting: Your order is ready.
  timezone: UTC
  days: mon-sun
  hours: 0:00-24:00
"""

EAR = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to === this.context.destination) {
    const splitter = this.context.createChannelSplitter(2);
    const ears = [0, 1].map((channel) => {
      const ear = this.context.createAnalyser();
      connect.call(splitter, ear, channel);
      return ear;
    });
    connect.call(this, splitter);
    const most = [0, 0];
    window.loudest = () => ears.map((ear, channel) => {
      const samples = new Float32Array(ear.fftSize);
      ear.getFloatTimeDomainData(samples);
      return (most[channel] = Math.max(most[channel], ...samples.map(Math.abs)));
    });
  }
  return connect.call(this, to, ...rest);
};
"""
"""Puts an ear on each channel of what goes to the loudspeaker: `loudest()` is the loudest sample of each so far."""

UNTIL_HEARD = """new Promise((heard) => {
  const timer = setInterval(() => Math.min(...loudest()) > 0.02 && heard(clearInterval(timer)), 50);
})"""


@contextlib.asynccontextmanager
async def calling(server, *names, persona="shop"):
    """A recorded caller on the line; afterwards what became of the call can be asked of the task."""
    recordings = [load_recording(BUNDLED / f"{name}.wav") for name in names]
    line = Line(server.local_url, persona=persona, caller="+12025550143")
    manners = Manners(greeting=300 if server.engine.name == "echo" else 5000)  # an echo does not greet
    task = asyncio.create_task(place_call(line, Script(recordings, manners), api_key=server.api_key))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def button(console, name):
    return console.page.get_by_role("button", name=name, exact=True)


async def test_a_call_is_shown_heard_and_hung_up_on(serve, open_console):
    async with serve() as server, open_console(server) as console:
        await console.page.add_init_script(EAR)
        await console.go("live")
        await expect(console.page.get_by_text("Nobody is on the line")).to_be_visible()
        await expect(console.page.get_by_role("link", name="Corner Shop")).to_be_visible()
        async with calling(server, "u20", "u20", "u20") as call:
            card = console.page.locator(".live-card")
            await expect(card).to_contain_text("Corner Shop")
            await expect(card).to_contain_text("+12025550143")
            loud = console.page.get_by_role("meter", name="Loudness of the caller")
            await expect(loud).not_to_have_attribute("aria-valuenow", "0")

            await button(console, "Listen in").click()
            await expect(button(console, "Listening")).to_have_attribute("aria-pressed", "true")
            async with asyncio.timeout(20):
                await console.page.evaluate(UNTIL_HEARD)
            await console.shot("live-listening")

            await button(console, "Hang up").click()
            dialog = console.page.get_by_role("dialog")
            await dialog.get_by_text("At once").click()
            await dialog.get_by_role("button", name="Hang up").click()
            result = await call
            assert result.ended == "operator_hangup"
            await expect(console.page.get_by_text("This call is over.")).to_be_visible()
            await console.page.get_by_role("link", name="Open its record").click()
            await expect(console.page).to_have_url(re.compile(f"#/calls/{result.call_id}$"))


async def test_a_number_is_checked_before_a_caller_is_put_through_to_it(serve, open_console):
    async with serve() as server, open_console(server) as console:
        async with calling(server, "u20", "u20", "u20") as call:
            await console.go("live")
            await button(console, "Put through").click()
            dialog = console.page.get_by_role("dialog")
            await dialog.get_by_label("To number").fill("555 0143")
            await dialog.get_by_role("button", name="Put through").click()
            await expect(dialog.get_by_role("alert")).to_contain_text("country code")
            await dialog.get_by_label("To number").fill("+1 (202) 555-0117")
            await dialog.get_by_role("button", name="Put through").click()
            result = await call
        assert result.ended == "transfer"
        assert "+12025550117" in str(result.after)


async def test_a_lost_connection_is_told_and_mended(serve, open_console):
    async with serve() as server, open_console(server, expected=["ERR_FAILED"]) as console:
        await console.page.route("**/v1/events", lambda route: route.abort())
        await console.go("live")
        await expect(console.page.get_by_text("cannot be reached")).to_be_visible()
        await console.page.unroute("**/v1/events")
        await expect(console.page.get_by_text("Nobody is on the line")).to_be_visible()
        await expect(console.page.get_by_text("cannot be reached")).to_have_count(0)


async def test_callers_on_hold_are_shown_by_their_place(serve, open_console):
    async with serve(slots=1) as server, open_console(server) as console:
        duty = server.book.by_name("shop")
        for place, number in enumerate(("+12025550143", "+12025550177"), 1):
            ticket = Ticket(str(place) * 16, number, duty.persona, duty.key, number, "+12025550111", record=False)
            server.switchboard.queue.join(number, ticket, 60, 60)
        await console.go("live")
        waiting = console.page.get_by_role("region", name="On hold").get_by_role("listitem")
        await expect(waiting).to_have_count(2)
        await expect(waiting.first).to_contain_text("No. 1")
        await expect(waiting.first).to_contain_text("+12025550143")
        await console.shot("live-on-hold")
        server.switchboard.queue.leave("+12025550143")
        await expect(waiting).to_have_count(1)
        await expect(waiting).to_contain_text("No. 1")
        server.switchboard.queue.leave("+12025550177")
        await expect(console.page.get_by_text("Nobody is on the line")).to_be_visible()


async def test_somebody_is_called_from_the_console(serve, open_console, shop, twilio):
    persona = {"shop": shop + OUTBOUND}
    async with serve(personas=persona, **twilio.settings) as server, open_console(server, expected=["403"]) as console:
        twilio.account.line = replace(twilio.account.line, url=server.local_url)
        twilio.account.own("+12025550111")
        twilio.account.book["+12025550143"] = Callee(talker=lambda: Listener(30), detect_s=0.1)
        await console.go("live")
        await button(console, "Call somebody").click()
        dialog = console.page.get_by_role("dialog")
        await dialog.get_by_label("Number to call").fill("+1 202 555 0143")
        await dialog.get_by_role("button", name="Call now").click()
        await expect(console.page.get_by_role("status").filter(has_text="Calling +12025550143")).to_be_visible()
        card = console.page.locator(".live-card")
        await expect(card).to_contain_text("Outgoing · +12025550143")
        server.do_not_call.add("+12025550143")
        await button(console, "Call somebody").click()
        await dialog.get_by_label("Number to call").fill("+12025550143")
        await dialog.get_by_role("button", name="Call now").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("do-not-call")


async def test_whoever_may_only_read_sees_no_way_to_listen_or_to_end_a_call(serve, open_console):
    async with serve() as server:
        key, _ = server.access.keys.create("reader", ["calls:read"])
        async with open_console(server, key=key) as console, calling(server, "u20", "u20"):
            await console.go("live")
            await expect(console.page.locator(".live-card")).to_be_visible()
            for name in ("Listen in", "Put through", "Hang up", "Call somebody"):
                await expect(button(console, name)).to_have_count(0)
            links = await console.page.locator(".side a").all_inner_texts()
            assert [text.strip() for text in links] == ["callbridge", "Live", "Calls"]


async def test_both_speakers_words_and_verdicts_come_as_they_are_said(serve, open_console, request):
    text = (request.config.rootpath / "personas" / "dental.yaml").read_text()
    text = re.sub(r"^consent: .*\n", "", text, flags=re.M)
    dental = {"dental": re.sub(r"^greeting: .*$", "greeting: Hello.", text, flags=re.M)}
    async with serve(engine="cascade", personas=dental) as server, open_console(server) as console:
        await console.go("live")
        async with calling(server, "blocked", persona="dental"):
            log = console.page.get_by_role("log")
            await expect(log.locator(".talk-line.agent").first).to_contain_text("Hello.")
            await expect(log.locator(".talk-line.caller")).to_contain_text("antibiotics")
            verdict = log.locator(".talk-line.verdict")
            await expect(verdict).to_contain_text("medical advice and medication")
            await expect(verdict).to_contain_text("Refused")
            await expect(console.page.locator(".live-card")).to_contain_text("1 verdict")
            await expect(log.locator(".talk-line.agent").last).to_contain_text("I'm sorry")
            await console.shot("live-verdict")
