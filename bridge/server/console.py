"""The console's files at `/`: read once, and found by their names in a table, so that no name leads elsewhere.

They are made by `make console` and lie in `bridge/assets/console`. Files beside a file that end in `.br` and `.gz` are
that file compressed.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

log = logging.getLogger(__name__)

FOLDER: Final = Path(__file__).parent.parent / "assets" / "console"

TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
"""What is served, and as what; files of other kinds are not."""

_COMPRESSED: Final = {"br": ".br", "gzip": ".gz"}
"""Encodings that are asked for, the better one first, and how their files end."""

_SMALL: Final = 512
"""Bytes that are not worth compressing."""

_HASHED: Final = re.compile(r"assets/.+-[A-Za-z0-9_-]{8,}\.\w+")
"""Names that change with their content: a browser never has to ask again."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: as what it is served, for how long it may be kept, its tag, and its content by encoding ("": plain)."""

    media_type: str
    cache: str
    etag: str
    content: Mapping[str, bytes]


@functools.lru_cache(maxsize=8)
def console_files(folder: Path = FOLDER) -> Mapping[str, Asset]:
    """Every file that is served, by its path below `folder` with slashes; none where nothing was built."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in TYPES and path.is_file())
    return {path.relative_to(folder).as_posix(): _read(path, folder) for path in paths}


def console_routes(files: Mapping[str, Asset]) -> APIRouter:
    """A route for each file; `index.html` is at `/`."""
    router = APIRouter(include_in_schema=False)
    if "index.html" not in files:
        log.warning("there is no console at /: `make console` builds it")
    for name, asset in files.items():
        router.add_route("/" if name == "index.html" else f"/{name}", _answering(asset), include_in_schema=False)
    return router


def _answering(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return _answer(asset, request)

    return answer


def _answer(asset: Asset, request: Request) -> Response:
    headers = {"ETag": asset.etag, "Cache-Control": asset.cache, "Vary": "Accept-Encoding"}
    if asset.etag in (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    encoding = _encoding(asset, request.headers.get("accept-encoding", ""))
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(asset.content[encoding], media_type=asset.media_type, headers=headers)


def _encoding(asset: Asset, accepted: str) -> str:
    """The best encoding of those that a browser takes (RFC 9110, section 12.5.3; an encoding with q=0 is refused)."""
    wanted = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        wanted[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((encoding for encoding in _COMPRESSED if wanted.get(encoding) and encoding in asset.content), "")


def _read(path: Path, folder: Path) -> Asset:
    plain = path.read_bytes()
    content = {"": plain}
    for encoding, ending in _COMPRESSED.items():
        if (beside := path.with_name(path.name + ending)).is_file():
            content[encoding] = beside.read_bytes()
    is_text = TYPES[path.suffix].startswith(("text/", "application/json", "application/manifest", "image/svg"))
    if len(content) == 1 and is_text and len(plain) > _SMALL:
        content["gzip"] = gzip.compress(plain, mtime=0)
    hashed = _HASHED.fullmatch(path.relative_to(folder).as_posix())
    cache = "public, max-age=31536000, immutable" if hashed else "no-cache"
    return Asset(TYPES[path.suffix], cache, f'"{hashlib.sha256(plain).hexdigest()[:32]}"', content)
