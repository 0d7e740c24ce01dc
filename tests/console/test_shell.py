"""The console's door and frame: signing in and out, what a key shows, light and dark, language, the way by keyboard."""

import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.slow


def button(console, name):
    return console.page.get_by_role("button", name=name, exact=True)


def heading(console, name):
    return console.page.get_by_role("heading", name=name, level=1)


async def test_a_wrong_key_is_told_in_words_and_the_right_one_opens_the_door(serve, open_console):
    async with serve() as server, open_console(server, key=None, expected=["401"]) as console:
        await console.go("calls")
        await button(console, "Sign in").click()
        await expect(console.page.get_by_label("Key", exact=True)).to_have_attribute("aria-invalid", "true")
        await console.page.get_by_label("Key", exact=True).fill("wrong")
        await button(console, "Sign in").click()
        await expect(console.page.get_by_role("alert")).to_contain_text("not known here")
        await expect(console.page.get_by_label("Key", exact=True)).to_be_focused()
        await console.page.get_by_label("Key", exact=True).fill(f" {server.api_key}\n")
        await console.page.keyboard.press("Enter")
        await expect(heading(console, "Calls")).to_be_visible()

        await button(console, "Settings").click()
        await button(console, "Sign out").click()
        await expect(heading(console, "Sign in")).to_be_visible()
        await console.page.reload()
        await expect(heading(console, "Sign in")).to_be_visible()
        assert "cb" not in await console.page.evaluate("JSON.stringify(localStorage)")


async def test_a_link_of_the_command_line_signs_in_once_and_leaves_the_address_bar(serve, open_console, http):
    async with serve() as server, open_console(server, key=None, expected=["401"]) as console:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        token = (await http.post(f"{server.local_url}/v1/session/link", headers=headers)).json()["token"]
        await console.page.goto(f"{server.local_url}/#token={token}")
        await expect(heading(console, "Live")).to_be_visible()
        assert token not in console.page.url
        await console.context.clear_cookies()
        await console.page.goto("about:blank")
        await console.page.goto(f"{server.local_url}/#token={token}")
        await expect(console.page.get_by_text("That link has been used already")).to_be_visible()


async def test_a_session_whose_key_is_revoked_leads_back_to_the_door(serve, open_console):
    async with serve() as server:
        key, _ = server.access.keys.create("reader", ["calls:read"])
        async with open_console(server, key=key, expected=["401"]) as console:
            await console.go("calls")
            await expect(heading(console, "Calls")).to_be_visible()
            server.access.keys.revoke("reader")
            await console.page.get_by_role("searchbox").fill("tooth")
            await expect(console.page.get_by_text("Your session has ended. Sign in again.")).to_be_visible()


async def test_looks_and_language_are_chosen_and_kept(serve, open_console):
    async with serve() as server, open_console(server) as console:
        await console.go("live")
        light = await console.page.evaluate("getComputedStyle(document.body).backgroundColor")
        await button(console, "Settings").click()
        await console.page.get_by_label("Dark", exact=True).check(force=True)
        await console.page.get_by_label("Español").check(force=True)
        await expect(console.page.get_by_role("heading", name="Ajustes")).to_be_visible()
        await console.page.keyboard.press("Escape")
        await expect(console.page.get_by_role("dialog")).to_have_count(0)
        await expect(button(console, "Ajustes")).to_be_focused()
        await console.page.reload()
        await expect(heading(console, "En directo")).to_be_visible()
        assert await console.page.evaluate("document.documentElement.lang") == "es"
        assert await console.page.evaluate("getComputedStyle(document.body).backgroundColor") != light


async def test_the_keyboard_skips_to_the_content_and_a_new_view_begins_at_its_title_also_one_that_is_none(
    serve, open_console
):
    async with serve() as server, open_console(server) as console:
        await console.go("live")
        await expect(heading(console, "Live")).to_be_visible()
        await console.page.keyboard.press("Tab")
        await expect(console.page.get_by_role("link", name="Skip to content")).to_be_focused()
        await console.page.keyboard.press("Enter")
        await expect(console.page.locator("main")).to_be_focused()
        await expect(console.page).to_have_url(re.compile(r"#/live$"))
        await console.page.get_by_role("link", name="Health").press("Enter")
        await expect(heading(console, "Health")).to_be_focused()
        await expect(console.page).to_have_title("Health · callbridge")
        await console.go("nowhere")
        await expect(heading(console, "There is no such page")).to_be_focused()


async def test_every_view_is_reached_on_a_phones_screen(serve, open_console):
    async with serve() as server, open_console(server, window="phone") as console:
        await console.go("live")
        for name in ("Calls", "Phone", "Personas"):
            await console.page.locator(".tabs").get_by_role("link", name=name, exact=True).click()
            await expect(heading(console, name)).to_be_visible()
        for name in ("Voices", "Models", "Health"):
            await button(console, "More").click()
            await expect(console.page.get_by_role("dialog", name="More")).to_be_visible()
            await console.page.get_by_role("dialog").get_by_role("link", name=name).click()
            await expect(heading(console, name)).to_be_visible()
            await expect(console.page.get_by_role("dialog")).to_have_count(0)
