"""A download in a process of its own: `bridge.engine.errand`. Ended at any moment, the next one goes on from there."""

from __future__ import annotations

from pathlib import Path

from bridge.engine import errand
from bridge.hub.disk import look
from bridge.hub.errors import HubError
from bridge.hub.files import REPO, VOICES_ARCHIVE


def sizes_of(directory: Path) -> dict[str, tuple[int, int]]:
    """Of each file that is to be downloaded: bytes that are there, and those expected. Raises `HubError`."""
    return {
        found.name: (found.present, found.expected)
        for found in look(directory)
        if not found.name.endswith("/") and (found.required or found.name == VOICES_ARCHIVE)
    }


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
    said = ""

    def moved(doing: str, file: str, have: int, total: int) -> None:
        nonlocal said
        # The hub has told the sizes of all files before the first byte of one moves.
        sizes = {"sizes": sizes_of(directory)} if file != said else {}
        said = file
        tell({"state": doing, "file": file, "have": have, "total": total} | sizes)

    done = download(Hub(REPO, order["token"]), directory, progress=moved)
    return {"revision": done.revision, "fetched": list(done.fetched), "already": list(done.already)}


if __name__ == "__main__":
    errand.serve(bring, HubError)
