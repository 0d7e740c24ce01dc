"""A download in a process of its own: `bridge.engine.errand`. Ended at any moment, the next one goes on from there."""

from __future__ import annotations

from pathlib import Path

from bridge.engine import errand
from bridge.hub.errors import HubError
from bridge.hub.files import REPO


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
    done = download(
        Hub(REPO, order["token"]),
        Path(order["directory"]),
        progress=lambda doing, file, have, total: tell({"state": doing, "file": file, "have": have, "total": total}),
    )
    return {"revision": done.revision, "fetched": list(done.fetched), "already": list(done.already)}


if __name__ == "__main__":
    errand.serve(bring, HubError)
