"""Personas in the console: mistakes at their line, saving, two people at once, a new one, the gate."""

import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.slow

TEXT = "textarea.code-text"


async def edit(console, name, change):
    """Open a persona's file, and put into it what `change` makes of the text."""
    await console.go(f"personas/{name}")
    field = console.page.locator(TEXT)
    await field.wait_for()
    await field.fill(change(await field.input_value()))
    return field


def button(console, name):
    return console.page.get_by_role("button", name=name, exact=True)


def file_of(server, name):
    return server.settings.personas_dir / f"{name}.yaml"


async def test_a_mistake_is_shown_at_its_line_while_one_types_and_is_not_saved(serve, open_console, shop):
    async with serve() as server, open_console(server, expected=["422"]) as console:
        field = await edit(console, "shop", lambda text: text.replace("agent_name:", "agent_nam:"))
        line = shop[: shop.index("agent_name")].count("\n") + 1
        await expect(console.page.locator(f".code-mark.danger[data-line='{line}']")).to_be_visible()
        problem = console.page.get_by_role("button", name=f"Line {line}").filter(has_text="agent_nam ")
        await expect(problem).to_contain_text("did you mean agent_name?")
        await problem.click()
        assert await field.evaluate(
            "text => document.activeElement === text && text.value.slice(0, text.selectionStart)"
        )
        chosen = await field.evaluate("text => text.value.slice(text.selectionStart, text.selectionEnd)")
        assert chosen == "agent_nam: Ada"
        await field.press("Control+s")
        await expect(console.page.get_by_role("status")).to_contain_text("nothing was saved")
        assert file_of(server, "shop").read_text() == shop
        await console.shot("persona-mistake")

        await field.fill(shop.replace("Ada", "Eva"))
        await expect(console.page.get_by_text("No problems")).to_be_visible()
        await field.press("Tab")
        assert not await field.evaluate("text => document.activeElement === text")
        await button(console, "Save").click()
        await expect(console.page.get_by_role("status")).to_contain_text("shop is saved")
        assert "Eva" in file_of(server, "shop").read_text()
        assert server.book.by_name("shop").persona.agent_name == "Eva"


async def test_what_is_not_saved_survives_a_look_at_another_view(serve, open_console, shop):
    async with serve() as server, open_console(server) as console:
        await edit(console, "shop", lambda text: text.replace("Ada", "Eva"))
        await console.page.get_by_role("link", name="All personas").click()
        await expect(console.page.get_by_text("Unsaved")).to_be_visible()
        await console.page.get_by_role("link", name="Edit shop").click()
        await expect(console.page.locator(TEXT)).to_have_value(shop.replace("Ada", "Eva"))
        await button(console, "Discard changes").click()
        await console.page.get_by_role("dialog").get_by_role("button", name="Discard changes").click()
        await expect(console.page.locator(TEXT)).to_have_value(shop)


async def test_whoever_saves_second_sees_what_differs_and_chooses(serve, open_console, shop):
    async with serve() as server, open_console(server, expected=["412"]) as console:
        await edit(console, "shop", lambda text: text.replace("Ada", "Eva"))
        file_of(server, "shop").write_text(shop.replace("Ada", "Ida"))
        await button(console, "Save").click()
        dialog = console.page.get_by_role("dialog")
        await expect(dialog.locator(".theirs")).to_have_text("− agent_name: Ida\n")
        await expect(dialog.locator(".mine")).to_have_text("+ agent_name: Eva\n")
        await console.shot("persona-conflict")
        await dialog.get_by_role("button", name="Save mine over theirs").click()
        await expect(console.page.get_by_role("status")).to_contain_text("shop is saved")
        assert "Eva" in file_of(server, "shop").read_text()
        assert "Ida" in file_of(server, "shop").with_suffix(".yaml.bak").read_text()


async def test_a_new_persona_begins_with_the_template_and_can_be_deleted(serve, open_console):
    async with serve() as server, open_console(server) as console:
        await console.go("personas")
        await button(console, "New persona").click()
        name = console.page.get_by_label("Name", exact=True)
        await name.fill("shop")
        await button(console, "Begin").click()
        await expect(console.page.get_by_text("There is a persona of that name already.")).to_be_visible()
        await name.fill("bakery")
        await button(console, "Begin").click()
        await expect(console.page.locator(TEXT)).to_have_value(re.compile("name: bakery"))
        await button(console, "Save").click()
        await expect(console.page.get_by_role("link", name="Talk with it")).to_be_visible()
        assert server.book.by_name("bakery")
        await button(console, "Delete").click()
        await console.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(console.page.get_by_role("link", name="Edit shop")).to_be_visible()
        assert not file_of(server, "bakery").exists()
        assert server.book.by_name("bakery") is None


async def test_the_prompt_is_shown_to_the_letter_with_its_cost(serve, open_console):
    async with serve() as server, open_console(server) as console:
        await console.go("personas/shop")
        prompt = console.page.get_by_role("region", name="Prompt")
        await expect(prompt.locator("pre")).to_contain_text("<system> You work for Corner Shop")
        await expect(prompt).to_contain_text("Share of the window")
        await prompt.get_by_text("Language model").click()
        await expect(prompt.locator("pre")).to_contain_text("Corner Shop")


async def test_the_gate_is_tried_as_one_types_on_a_text_that_is_not_saved(serve, open_console):
    async with serve() as server, open_console(server) as console:
        await edit(console, "shop", lambda text: text.replace("words: [ibuprofen]", "words: [ibuprofen, aspirin*]"))
        gate = console.page.get_by_role("region", name="Try the gate")
        words = gate.get_by_label("Words")
        await words.fill("You could take two aspirins for that.")
        await expect(gate.locator("mark.refused")).to_contain_text("aspirins")
        await expect(gate.locator("mark.unsaid")).to_contain_text("for that")
        await expect(gate).to_contain_text("Stopped: medicine")
        await expect(gate).to_contain_text("I can't talk about medicine.")
        await console.shot("persona-gate")
        await words.fill("You could take the bus.")
        await expect(gate).to_contain_text("Passes: all of it is heard.")
        await gate.get_by_text("The caller").click()
        await words.fill("Can I have aspirin?")
        await expect(gate.locator("mark.refused")).to_contain_text("aspirin")
