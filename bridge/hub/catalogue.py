"""Every model that the bridge can use, and how it is on the disk, in the form that model hubs' pages use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bridge.engine.weights import MINILM, MOONSHINE, PICO, SILERO, VOCABULARY, Weights, verify
from bridge.facts.errors import EngineError
from bridge.facts.settings import EngineName
from bridge.hub.disk import Found, Status, look, overall
from bridge.hub.files import MB, MODEL_NAME


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model of the CPU engine, whose weights come inside installed packages."""

    name: str
    type: str
    weights: tuple[Weights, ...]


PACKAGED: Final = (
    Packaged("moonshine-tiny-en", "speech-recognition", (MOONSHINE,)),
    Packaged("silero-vad", "voice-activity-detection", (SILERO,)),
    Packaged("all-MiniLM-L6-v2", "sentence-embedding", (MINILM, VOCABULARY)),
    Packaged("svox-pico", "speech-synthesis", (PICO,)),
)

PERSONAPLEX_TYPE: Final = "speech-to-speech"


def catalogue(model_dir: Path, engine: EngineName) -> list[dict[str, Any]]:
    """All models, PersonaPlex first, as JSON objects. Sizes end in `Mb` and are in megabytes (10^6 bytes).

    `isRequired`: whether calls with the engine `engine` need the model. Raises `hub.errors.HubError` for a damaged
    manifest.
    """
    return [personaplex(model_dir, engine), *packaged(engine)]


def packaged(engine: EngineName) -> list[dict[str, Any]]:
    """The models of the CPU engine. Reads all of them, 75 MB, for their hashes."""
    return [_packaged(model, engine) for model in PACKAGED]


def personaplex(directory: Path, engine: EngineName) -> dict[str, Any]:
    """PersonaPlex as it is on the disk, with its files; only their sizes are looked at.

    Raises `hub.errors.HubError` for a damaged manifest.
    """
    found = look(directory)
    return {
        "name": MODEL_NAME,
        "type": PERSONAPLEX_TYPE,
        "status": overall(found).value,
        "localPath": str(directory.absolute()),
        "expectedSizeMb": _megabytes(sum(file.expected for file in found)),
        "presentSizeMb": _megabytes(sum(file.present for file in found)),
        "isRequired": engine == "personaplex",
        "isAvailableForDownload": True,
        "requiresAuthentication": True,
        "files": [_file(file) for file in found],
    }


def _file(file: Found) -> dict[str, Any]:
    return {
        "name": file.name,
        "type": file.what,
        "status": file.status.value,
        "localPath": str(file.path.absolute()),
        "expectedSizeMb": _megabytes(file.expected),
        "expectedSizeIsExact": file.exact,
        "presentSizeMb": _megabytes(file.present),
        "isRequired": file.required,
        "requiresAuthentication": True,
        "note": file.note,
    }


def _packaged(model: Packaged, engine: EngineName) -> dict[str, Any]:
    files = [_packaged_file(weights, name) for weights in model.weights for name in weights.sha256]
    states = {file["status"] for file in files}
    status = next(iter(states)) if len(states) == 1 else "damaged" if "damaged" in states else Status.PARTIAL.value
    size = sum(file["presentSizeMb"] for file in files)
    return {
        "name": model.name,
        "type": model.type,
        "status": status,
        "localPath": files[0]["localPath"].rsplit("/", 1)[0],
        "expectedSizeMb": round(size, 3),
        "presentSizeMb": round(size, 3),
        "isRequired": engine == "cascade",
        "isAvailableForDownload": False,
        "requiresAuthentication": False,
        "package": model.weights[0].package.replace("_", "-"),
        "files": files,
    }


def _packaged_file(weights: Weights, name: str) -> dict[str, Any]:
    """A file inside a package; `damaged` where its sha256 is not the one that our figures were measured with."""
    spec = find_spec(weights.package)
    places = spec.submodule_search_locations if spec else None
    path = Path(places[0] if places else weights.package) / weights.folder / name
    status, note = Status.DOWNLOADED.value, "sha256 is right"
    try:
        verify(path, weights.sha256[name])
    except EngineError as error:
        status, note = ("damaged" if path.exists() else Status.MISSING.value), str(error)
    size = _megabytes(path.stat().st_size) if path.exists() else 0.0
    return {"name": name, "status": status, "localPath": str(path), "presentSizeMb": size, "note": note}


def _megabytes(count: int) -> float:
    return round(count / MB, 3)
