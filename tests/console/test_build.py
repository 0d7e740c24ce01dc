"""The console's built files are committed, so that running needs no Node: they must belong to the committed sources."""

import hashlib
import json
import re

from tests.conftest import ROOT

SOURCES = ROOT / "console"
BUILT = ROOT / "bridge" / "assets" / "console"
ROOTS = ("index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def report():
    return json.loads((BUILT / "build.json").read_text())


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_built_console_belongs_to_its_sources():
    names = [*ROOTS, *(f"src/{name}" for name in files_of(SOURCES / "src"))]
    lines = [
        f"{sha256((SOURCES / name).read_bytes())}  {name}\n" for name in sorted(names) if not name.endswith(".test.ts")
    ]
    assert report()["sources"] == sha256("".join(lines).encode()), "the console's sources changed: run `make console`"


def test_no_built_file_is_missing_changed_or_left_over():
    files = {name: sha256((BUILT / name).read_bytes()) for name in files_of(BUILT) if name != "build.json"}
    assert files == report()["files"]


def test_the_page_has_no_script_or_style_of_its_own_and_names_no_host():
    page = (BUILT / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    assert "//" not in page


def test_the_lock_file_names_no_registry():
    assert "http" not in (SOURCES / "package-lock.json").read_text()
