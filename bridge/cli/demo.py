"""The demonstration call of `make run`: a recorded caller dials in, and the conversation scrolls by."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line
from bridge.cli.live import ConversationView, show_result
from bridge.facts.errors import BridgeError
from bridge.server.app import Server

PERSONA: Final = "dental"
RECORDINGS: Final = ("u02", "blocked", "u20")
"""Opening hours on Saturday; something the agent must not talk about; goodbye."""


async def place_demonstration_call(server: Server) -> None:
    """Call the server as Twilio would, show the conversation, and say what to do next."""
    console = Console()
    names = server.book.names
    if not names:
        return
    persona = PERSONA if PERSONA in names else names[0]
    console.rule(f"A demonstration call to the persona {persona!r}")
    token = server.settings.twilio_auth_token
    line = Line(
        server.local_url,
        public_url=server.public_url,
        persona=persona,
        record=True,
        auth_token=token.get_secret_value() if token else None,
    )
    recordings = [load_recording(BUNDLED / f"{name}.wav") for name in RECORDINGS]
    try:
        with ConversationView(console, len(recordings)) as view:
            script = Script(recordings, Manners(), on_stage=view.stage)
            result = await place_call(
                line, script, api_key=server.api_key, on_record=view.record, data_dir=server.settings.data_dir
            )
    except BridgeError as error:
        console.print(Text.assemble(("The demonstration call failed: ", "bold red"), str(error)), soft_wrap=True)
        return
    show_result(console, result)
    _what_next(console, server, persona)


def _what_next(console: Console, server: Server, persona: str) -> None:
    steps = (
        ("Browser", f".venv/bin/callbridge console --url {server.local_url} lets you in; for programs, /openapi.json"),
        ("Own question", f".venv/bin/callbridge call --wav question.wav --persona {persona}"),
        ("Persona", f"edit {server.settings.personas_dir / (persona + '.yaml')}: the next call answers from it"),
        ("Transcripts", ".venv/bin/callbridge calls list"),
        ("Twilio", f".venv/bin/callbridge twilio connect NUMBER --persona {persona}; see docs/twilio.md"),
        ("SIP", ".venv/bin/callbridge sip new; see docs/sip.md"),
        ("Stop", "Ctrl-C lets calls end; Ctrl-C twice stops at once"),
    )
    console.rule("Still answering calls. What to do next")
    for name, what in steps:
        console.print(f"[bold]{name:13}[/] {what}", highlight=False, soft_wrap=True)
