"""The parts of the API that need threads for what requests ask of them, and those threads."""

from __future__ import annotations

from collections.abc import Callable, Collection

from fastapi import APIRouter

from bridge.facts.settings import Settings
from bridge.server.access.access import Access
from bridge.server.api.calls import CallDesk, calls_routes
from bridge.server.api.desk import Desk
from bridge.server.api.gate import gate_routes
from bridge.server.api.personas import PersonaDesk, persona_routes
from bridge.server.api.sound import sound_routes
from bridge.server.call_files import CallFiles
from bridge.server.gate_trial import GateTrial
from bridge.server.persona_editor import PersonaEditor
from bridge.server.persona_files import PersonaFiles
from bridge.server.personas import PersonaBook
from bridge.server.prompt_cost import PromptMeter
from bridge.server.store import CallStore
from bridge.server.switchboard import Switchboard


class House:
    """Owner of the threads. `close` ends them."""

    def __init__(
        self,
        settings: Settings,
        book: PersonaBook,
        switchboard: Switchboard,
        store: CallStore,
        also: Callable[[Collection[str]], object],
    ) -> None:
        """No thread begins before there is work for it. `also` deletes what others keep of calls that are deleted."""
        self._thinking, self._judging = Desk("checks"), Desk("gate")
        self._reading = Desk("archive", threads=2)
        self._book = book
        self._calls = CallDesk(switchboard, CallFiles(store, settings.data_dir, also), self._reading)
        self._trial = GateTrial(settings.model_dir if settings.engine == "personaplex" else None)
        self._personas = PersonaDesk(
            PersonaEditor(PersonaFiles(book.folder)),
            book,
            PromptMeter(settings.model_dir, settings.custom_voice_dir, closing_tag=settings.closing_tag),
            self._thinking,
        )

    def routes(self, access: Access) -> list[APIRouter]:
        """The routers, whose paths are relative."""
        return [
            calls_routes(self._calls, access),
            sound_routes(self._calls, access),
            persona_routes(self._personas, access),
            gate_routes(self._trial, self._book, self._judging, access),
        ]

    def close(self) -> None:
        """What is under way is not waited for."""
        for desk in (self._thinking, self._judging, self._reading):
            desk.close()
