"""The page at `/`: that the bridge runs, who answers, and where to go from here."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from bridge.server.personas import PersonaBook
from bridge.server.switchboard import Switchboard

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>callbridge</title>
<style>
  :root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
  body {{ max-width: 42rem; margin: 3rem auto; padding: 0 1rem }}
  code {{ font-size: .9em; overflow-wrap: anywhere }}
  td, th {{ text-align: left; padding: .2rem 1.2rem .2rem 0; vertical-align: top }}
</style>
<h1>callbridge</h1>
<p>The <b>{engine}</b> engine is <b>{state}</b>. {calls} of {capacity} calls in progress.</p>
<table><thead><tr><th>Persona<th>Business<th>Numbers</thead><tbody>{rows}</tbody></table>
<h2>Connect a number</h2>
<p>In Twilio's console set your number's voice webhook (HTTP POST) to<br><code>{voice}</code></p>
<h2>For programs</h2>
<p><a href="openapi.json">API (OpenAPI)</a> · <a href="health">health</a> · <a href="metrics">metrics</a></p>
</html>
"""


def welcome_routes(switchboard: Switchboard, book: PersonaBook, public: str) -> APIRouter:
    """The router with the page. `public` is the server's address as Twilio sees it."""
    address = public if public.startswith("https://") else "https://YOUR-HOST"
    router = APIRouter(include_in_schema=False)

    @router.get("/", response_class=HTMLResponse)
    async def welcome() -> str:
        on_duty = [duty.persona for name in book.names if (duty := book.by_name(name))]
        rows = "".join(
            f"<tr><td>{escape(p.name)}<td>{escape(p.business)}<td>{escape(', '.join(p.numbers)) or '–'}"
            for p in on_duty
        )
        return _PAGE.format(
            engine=escape(switchboard.engine.name),
            state=switchboard.engine.state,
            calls=switchboard.calls,
            capacity=switchboard.engine.capacity,
            rows=rows or "<tr><td colspan=3>No persona answers calls yet.",
            voice=escape(f"{address}/twilio/voice"),
        )

    return router
