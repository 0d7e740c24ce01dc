"""Where Asterisk is on this machine, and how it gets there: the system's own, or a private root of Debian packages.

The calls need Asterisk 22.10 or newer. Where the system has none, its packages are unpacked from Debian's unstable
suite into a folder of ours (about 280 MB); nothing else on the machine changes, and Asterisk runs there without any
rights of root.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.facts.errors import BridgeError

OLDEST: Final = (22, 10)
"""The first release in which all that we use of chan_websocket was tried; JSON control came with 22.8."""

PACKAGES: Final = "asterisk,asterisk-modules"
BUILD_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Asterisk:
    """One Asterisk: the command that starts it, and its version in words."""

    command: tuple[str, ...]
    modules: Path
    data: Path
    version: str


def default_root() -> Path:
    """Folder of the private root: in the user's cache, so that several checkouts share it."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "callbridge" / "asterisk"


def find(root: Path) -> Asterisk | None:
    """The system's Asterisk if it is new enough, else the one in `root`, else None."""
    return _system() or private(root)


def _system() -> Asterisk | None:
    program = shutil.which("asterisk", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None or not _new_enough(version := _version((program,))):
        return None
    modules = next(iter(Path("/usr/lib").glob("**/asterisk/modules")), None)
    return Asterisk((program,), modules, Path("/usr/share/asterisk"), version) if modules else None


def private(root: Path) -> Asterisk | None:
    """The Asterisk in a private root, started by the root's own loader so that no chroot is needed."""
    program = root / "usr/sbin/asterisk"
    loader = next(iter(sorted(root.glob("lib*/ld-linux*.so.*"))), None) or next(
        iter(sorted(root.glob("usr/lib*/**/ld-linux*.so.*"))), None
    )
    modules = next(iter(root.glob("usr/lib/*/asterisk/modules")), None)
    if loader is None or modules is None or not program.exists():
        return None
    libraries = f"{modules.parent.parent}:{modules.parent}"
    command = (str(loader), "--library-path", libraries, str(program))
    version = _version(command)
    return Asterisk(command, modules, root / "usr/share/asterisk", version) if _new_enough(version) else None


def build(root: Path) -> Asterisk:
    """Make the private root. Raises `BridgeError` in words where it cannot be made."""
    tool = shutil.which("mmdebstrap")
    if tool is None:
        raise BridgeError(
            "Asterisk 22.10 or newer is not installed, and mmdebstrap, which could fetch it, is not either. "
            "On Debian and Ubuntu: apt-get install mmdebstrap"
        )
    root.parent.mkdir(parents=True, exist_ok=True)
    unfinished = root.with_name(root.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [
        tool,
        "--quiet",
        "--variant=apt",
        f"--include={PACKAGES}",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        "sid",
        str(unfinished),
        *_mirrors(Path("/etc/apt"))[:1],  # without one, the program's own
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise BridgeError(f"Asterisk could not be fetched with mmdebstrap: {_last_words(done.stderr)}")
    shutil.rmtree(root, ignore_errors=True)
    unfinished.rename(root)
    found = private(root)
    if found is None:
        raise BridgeError(f"the packages in {root} hold no Asterisk of version 22.10 or newer that starts here")
    return found


def _mirrors(folder: Path) -> list[str]:
    """The Debian mirrors that this machine's own apt uses."""
    found = []
    for path in (*sorted(folder.glob("sources.list.d/*.sources")), folder / "sources.list",
                 *sorted(folder.glob("sources.list.d/*.list"))):  # fmt: skip
        if not path.is_file():
            continue
        for line in path.read_text(errors="replace").splitlines():
            line_of_mirror = re.match(r"(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s+)?)(https?://\S+/debian/?)(?:\s|$)", line)
            if line_of_mirror:
                found.append(line_of_mirror[1])
    return found


def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _new_enough(version: str) -> bool:
    found = re.search(r"Asterisk (\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
