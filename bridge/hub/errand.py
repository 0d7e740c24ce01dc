"""A download in a process of its own: `bridge.engine.errand`. Ended at any moment, the next one goes on from there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from bridge.engine import errand
from bridge.hub.disk import look
from bridge.hub.errors import HubError
from bridge.hub.files import REPO, VOICES_ARCHIVE

TELL_SECONDS: Final = 0.1


def sizes_of(directory: Path) -> dict[str, tuple[int, int]]:
    """Of each file that is to be downloaded: bytes that are there, and those expected. Raises `HubError`."""
    return {
        found.name: (found.present, found.expected)
        for found in look(directory)
        if not found.name.endswith("/") and (found.required or found.name == VOICES_ARCHIVE)
    }


class _Latest:
    """Tells how far it is, some times a second and at the end: whoever listens has calls to attend to."""

    def __init__(self, tell: errand.Tell, directory: Path) -> None:
        self._tell, self._directory = tell, directory
        self._now: errand.Told | None = None
        self._work = "", ""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def moved(self, doing: str, file: str, have: int, total: int) -> None:
        """As `download.Progress`."""
        now = {"state": doing, "file": file, "have": have, "total": total}
        if (doing, file) != self._work:
            self._flush()  # how the work before it ended
            if file != self._work[1]:  # by now the hub has told the sizes of all files
                now["sizes"] = sizes_of(self._directory)
            self._work = doing, file
        with self._lock:
            sizes = {"sizes": self._now["sizes"]} if self._now and "sizes" in self._now else {}
            self._now = sizes | now

    def __enter__(self) -> _Latest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._flush()

    def _run(self) -> None:
        while not self._over.wait(TELL_SECONDS):
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            now, self._now = self._now, None
            if now:
                self._tell(now)


def bring(order: errand.Told, tell: errand.Tell) -> errand.Told:
    """Download the model into `directory` with `token` (None: without). Raises `HubError`."""
    try:
        from bridge.hub.download import download
        from bridge.hub.remote import Hub
    except ModuleNotFoundError as error:
        raise HubError(
            f"the package {error.name} is not installed, and downloads need it: pip install 'callbridge[personaplex]'",
            "package",
        ) from None
    directory = Path(order["directory"])
    with _Latest(tell, directory) as latest:
        done = download(Hub(REPO, order["token"]), directory, progress=latest.moved)
    return {"revision": done.revision, "fetched": list(done.fetched), "already": list(done.already)}


if __name__ == "__main__":
    errand.serve(bring, HubError)
