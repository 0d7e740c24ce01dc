"""The documentation site: it builds strictly, leans on nobody else's host, and its links lead somewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent
# Attributes by which a browser fetches something without being asked to.
FETCHED = {"src", "srcset", "poster", "data", "action", "formaction", "background", "ping"}
FETCHED_LINKS = {"stylesheet", "preconnect", "dns-prefetch", "preload", "prefetch", "modulepreload", "icon", "manifest"}


class Page(HTMLParser):
    """What one page of the site fetches, links to, and can be linked at."""

    def __init__(self, path):
        super().__init__()
        self.path, self.fetches, self.links, self.anchors, self.paragraphs = path, [], [], {""}, []
        self._paragraph = None
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.fetches += [value for name, value in given.items() if name in FETCHED]
        self.fetches += re.findall(r"url\(([^)]*)\)", given.get("style", ""))
        if tag == "link" and FETCHED_LINKS & set(given.get("rel", "").split()):
            self.fetches.append(given["href"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "p":
            self._paragraph = ""

    def handle_endtag(self, tag):
        if tag == "p" and self._paragraph is not None:
            self.paragraphs.append(self._paragraph)
            self._paragraph = None

    def handle_data(self, data):
        if self._paragraph is not None:
            self._paragraph += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site's pages by their paths."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: Page(path) for path in folder.rglob("*.html")}


def leaves(address):
    return bool(urlsplit(address.strip("'\" ")).netloc)


def test_no_page_asks_another_host_for_anything(site):
    assert len(site) > len(list((ROOT / "docs").glob("*.md")))
    for path, page in site.items():
        assert page.fetches
        assert not [address for address in page.fetches if leaves(address)], path.name
        # The theme's script would fetch a library for diagrams, and figures of a repository, where a page has them.
        assert 'class="mermaid' not in path.read_text()
        assert 'data-md-component="source"' not in path.read_text()


def test_no_stylesheet_of_the_site_asks_another_host_for_anything(site):
    folder = next(path for path in site if path.name == "index.html").parent
    sheets = list(folder.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        fetched = re.findall(r"url\(([^)]*)\)|@import\s+([^;]+)", sheet.read_text())
        assert not [one for pair in fetched for one in pair if leaves(one) and "data:" not in one], sheet.name


def test_every_link_and_anchor_within_the_site_leads_somewhere(site):
    for path, page in site.items():
        if path.name == "404.html":  # served at any path, so that its links begin at the root of the site
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target in site or target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in site:
                assert unquote(parts.fragment) in site[target].anchors, f"{path.name}: {link}"


def test_no_list_table_or_block_of_a_page_is_shown_as_bare_text(site):
    for path, page in site.items():
        for paragraph in page.paragraphs:
            assert not re.search(r"^\s*(\* |- |\d\. |\||```)", paragraph, re.M), f"{path.name}: {paragraph[:80]}"
            assert "](" not in paragraph, f"{path.name}: {paragraph[:80]}"


def test_the_makefile_builds_the_site_strictly():
    plan = subprocess.run(["make", "--dry-run", "docs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(r"mkdocs build .*--strict", plan)
