"""The console's files: what is served, as what, how compressed, and for how long it may be kept."""

import gzip

import httpx
import pytest
from fastapi import FastAPI

from bridge.server.console import console_files, console_routes
from bridge.server.headers import with_headers
from bridge.server.prefix import under_prefix

SCRIPT = b"export const words = 'callbridge';\n" * 100
NAME = "assets/index-B3xK_9-a.js"


@pytest.fixture
def built(tmp_path):
    """A folder as Vite leaves it, with one file compressed beside, and a secret next to the folder."""
    folder = tmp_path / "console"
    (folder / "assets").mkdir(parents=True)
    (tmp_path / "api.key").write_text("secret")
    (folder / "index.html").write_text("<!doctype html><title>callbridge</title>")
    (folder / NAME).write_bytes(SCRIPT)
    (folder / "assets" / "worklet-12345678.js").write_bytes(SCRIPT)
    (folder / "assets" / "worklet-12345678.js.br").write_bytes(b"as brotli")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "notes.py").write_text("secret")
    return folder


@pytest.fixture
async def browser(built):
    app = FastAPI()
    app.include_router(console_routes(console_files(built)))
    wire = httpx.ASGITransport(with_headers(under_prefix(app, "https://example.com/phone")))
    async with httpx.AsyncClient(transport=wire, base_url="http://bridge", headers={"Accept-Encoding": ""}) as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/phone"])
async def test_the_page_is_asked_for_each_time_and_hashed_files_never_again(browser, prefix):
    page = await browser.get(f"{prefix}/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert "<title>callbridge" in page.text
    script = await browser.get(f"{prefix}/{NAME}")
    assert script.content == SCRIPT
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "default-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "accepted", "encoding"),
    [
        (NAME, "gzip, deflate, br", "gzip"),
        (NAME, "br", None),
        (NAME, "gzip;q=0", None),
        (NAME, "", None),
        ("assets/worklet-12345678.js", "gzip, br;q=0.9", "br"),
        ("assets/worklet-12345678.js", "gzip, br;q=0", None),
        ("favicon.svg", "gzip, br", None),
    ],
)
async def test_files_are_sent_as_the_browser_takes_them(browser, name, accepted, encoding):
    request = browser.build_request("GET", f"/{name}", headers={"Accept-Encoding": accepted})
    answer = await browser.send(request, stream=True)
    raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert encoding != "gzip" or (gzip.decompress(raw) == SCRIPT and len(raw) < 500)
    assert encoding != "br" or raw == b"as brotli"


async def test_what_a_browser_has_is_not_sent_again(browser):
    etag = (await browser.get("/")).headers["etag"]
    again = await browser.get("/", headers={"If-None-Match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


async def test_head_is_get_without_a_body(browser):
    got, head = await browser.get(f"/{NAME}"), await browser.head(f"/{NAME}")
    assert head.content == b""
    assert head.headers == got.headers


async def test_the_prefix_alone_leads_to_the_page_behind_a_slash(browser):
    answer = await browser.get("/phone")
    assert (answer.status_code, answer.headers["location"]) == (308, "/phone/")


@pytest.mark.parametrize(
    "path",
    [
        "/../api.key",
        "/assets/../../api.key",
        "/%2e%2e/api.key",
        "/..%2fapi.key",
        "/assets/..%5c..%5capi.key",
        "//api.key",
        "/assets",
        "/assets/",
        "/index.html/",
        "/notes.py",
        "/build.json%00.js",
        "/" + "a" * 4000,
        "/assets/worklet-12345678.js.br",
        "/%F0%9F%93%9E",
    ],
)
async def test_other_names_lead_nowhere(browser, path):
    # As it stands: a client would tidy the path up before it sends it.
    url = httpx.URL("http://bridge").copy_with(raw_path=path.encode())
    for prefix in (b"", b"/phone"):
        answer = await browser.get(url.copy_with(raw_path=prefix + url.raw_path))
        assert answer.status_code == 404
        assert "secret" not in answer.text


async def test_nothing_but_reading_is_answered(browser):
    assert (await browser.post("/")).status_code == 405


def test_where_nothing_was_built_there_is_nothing(tmp_path):
    assert console_files(tmp_path / "nowhere") == {}
