"""What stands behind the calls: voices, models, the machine; and what is known of them without looking each time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from bridge.engine.personaplex.capacity import Gpu
from bridge.facts.errors import BridgeError
from bridge.facts.settings import Settings
from bridge.hub.catalogue import packaged, personaplex
from bridge.hub.disk import Status
from bridge.hub.files import MODEL_NAME
from bridge.server.auditions import Auditions
from bridge.server.downloads import Downloads
from bridge.server.machine import find_hardware
from bridge.server.personas import PersonaBook
from bridge.server.switchboard import Switchboard
from bridge.server.voice_shop import VoiceShop
from bridge.server.watch import Watch

log = logging.getLogger("bridge.server")

LOOK_SECONDS: Final = 30.0
"""How old what `/health` says of the model's files may be."""

PARTS: Final = ("asr", "vad", "embedding", "tts", "llm")
"""What models do."""

EARS: Final = "moonshine-tiny-en"
"""The recogniser of every engine that understands callers."""


class MachineRoom:
    """Owner of the parts that are not calls. `run` looks after them for as long as the server runs."""

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        book: PersonaBook,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is looked at before `run`; until then nothing is known to be here."""
        engine = switchboard.engine
        secret = settings.hf_token
        token = secret.get_secret_value().strip() if secret else None
        self.settings, self._engine = settings, engine
        self.watch = Watch(switchboard, clock)
        self.downloads = Downloads(settings.model_dir, token, clock)
        self.auditions = Auditions(engine, lambda: switchboard.free - len(switchboard.queue))
        self.voices = VoiceShop(settings.model_dir, settings.custom_voice_dir, book)
        self.processor = ""
        self.gpus: list[Gpu] = []
        self._packaged: list[dict[str, Any]] = []
        self._status: dict[str, str] = {}

    async def run(self) -> None:
        """Look at the hardware once, at the model's files now and then, and take samples; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watch.run())
            group.create_task(self._look_around())

    async def _look_around(self) -> None:
        try:
            self.processor, self.gpus = await asyncio.to_thread(find_hardware)
            self._packaged = await asyncio.to_thread(packaged, self.settings.engine)
        except OSError:  # what cannot be read is not known; calls need none of it
            log.exception("this machine's hardware and packages cannot be looked at")
        while True:
            self._status = await asyncio.to_thread(self._look)
            await asyncio.sleep(LOOK_SECONDS)

    async def end(self) -> None:
        """Stop what goes on."""
        await self.downloads.stop()

    def models(self) -> list[dict[str, Any]]:
        """The catalogue as it is now, each with `loaded`, PersonaPlex with its `download`. Raises `BridgeError`."""
        models = [personaplex(self.settings.model_dir, self.settings.engine), *self._packaged]
        return [model | {"loaded": model["name"] in self.loaded.values()} for model in models]

    @property
    def statuses(self) -> dict[str, str]:
        """How each model is on the disk, as it was a moment ago."""
        return self._status

    @property
    def loaded(self) -> dict[str, str]:
        """The models that the running engine has in memory, by what they do, as `Engine.details` has it."""
        details = self._engine.details if self._engine.state == "ready" else {}
        return {part: name for part in PARTS if (name := details.get(part))}

    def _look(self) -> dict[str, str]:
        found = {model["name"]: model["status"] for model in self._packaged}
        try:
            found[MODEL_NAME] = personaplex(self.settings.model_dir, self.settings.engine)["status"]
        except (BridgeError, OSError):
            found[MODEL_NAME] = "damaged"
        return found

    def health(self) -> dict[str, Any]:
        """What `/health` says of models and GPU; nothing is looked at for it."""
        loaded = self.loaded
        return {
            "model": loaded.get("llm"),
            "recogniser": loaded.get("asr"),
            "asrLoaded": "asr" in loaded,
            "asrDownloaded": self._status.get(EARS) == Status.DOWNLOADED,
            "ttsLoaded": "tts" in loaded,
            "llmLoaded": "llm" in loaded,
            "models": [
                {"name": name, "status": status, "loaded": name in loaded.values()}
                for name, status in sorted(self._status.items())
            ],
            "gpu": self._gpu(),
        }

    def _gpu(self) -> dict[str, Any] | None:
        """The GPU that the engine uses, else the first one of the machine."""
        details = self._engine.details
        if "gpu" in details:
            return {"name": details["gpu"], "memory_bytes": int(details["gpu_memory_bytes"])}
        return {"name": self.gpus[0].name, "memory_bytes": self.gpus[0].memory} if self.gpus else None
