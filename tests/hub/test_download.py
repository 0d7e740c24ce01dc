from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bridge.hub.disk import Status, look, overall
from bridge.hub.download import Downloaded, download
from bridge.hub.errors import HubError
from bridge.hub.fetch import Patience
from bridge.hub.manifest import MANIFEST
from bridge.hub.remote import Hub

from .conftest import LM, MIMI, SPM
from .standin import COMMIT, REPO, TOKEN, StandIn, archive

QUICK = Patience(stall_seconds=0.2, attempts=2, pause_seconds=0.0)


def get(hub: Hub, folder: Path, **options: bool) -> Downloaded:
    return download(hub, folder, patience=QUICK, **options)


def error_of(hub: Hub, folder: Path, revision: str | None = None) -> str:
    with pytest.raises(HubError) as caught:
        download(hub, folder, revision=revision, patience=QUICK)
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(hub)
    return str(caught.value)


def test_every_file_arrives_whole_and_the_voices_are_unpacked(hub: Hub, standin: StandIn, folder: Path) -> None:
    done = get(hub, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == {
        **standin.files,
        MANIFEST: (folder / MANIFEST).read_bytes(),
    }
    assert {path.name: path.read_bytes() for path in (folder / "voices").iterdir()} == {
        "NATF0.pt": b"one",
        "VARM4.pt": b"two",
    }
    assert (done.revision, set(done.fetched), done.already) == (COMMIT, set(standin.files), ())
    assert overall(look(folder)) is Status.DOWNLOADED


def test_the_token_goes_to_the_hub_and_to_nobody_else(hub: Hub, standin: StandIn, folder: Path) -> None:
    get(hub, folder)
    assert {headers.get("authorization") for server, _, _, headers in standin.asked if server == "hub"} == {
        f"Bearer {TOKEN}"
    }
    assert {headers.get("authorization") for server, _, _, headers in standin.asked if server == "bytes"} == {None}


def test_progress_is_told_for_each_file_up_to_its_end(hub: Hub, standin: StandIn, folder: Path) -> None:
    told: dict[tuple[str, str], tuple[int, int]] = {}
    download(hub, folder, progress=lambda doing, name, have, of: told.update({(doing, name): (have, of)}))
    for name, data in standin.files.items():
        assert told["downloading", name] == told["checking", name] == (len(data), len(data))


def test_what_is_there_already_is_neither_fetched_nor_read_again(hub: Hub, standin: StandIn, folder: Path) -> None:
    get(hub, folder)
    standin.asked.clear()
    told: list[str] = []
    again = download(hub, folder, progress=lambda doing, *_: told.append(doing))
    assert (again.fetched, set(again.already)) == ((), set(standin.files))
    assert {method for _, method, _, _ in standin.asked} == {"HEAD"}
    assert told == []


def test_files_that_came_some_other_way_are_checked_once_and_kept(hub: Hub, standin: StandIn, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / LM).write_bytes(standin.files[LM])
    assert get(hub, folder).already == (LM,)
    assert standin.ranges(LM) == []


def test_a_download_goes_on_from_the_part_that_is_there(hub: Hub, standin: StandIn, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"{LM}.part").write_bytes(standin.files[LM][:123_456])
    get(hub, folder)
    assert standin.ranges(LM) == ["bytes=123456-"]
    assert (folder / LM).read_bytes() == standin.files[LM]
    assert not (folder / f"{LM}.part").exists()


def test_a_server_without_ranges_sends_the_file_anew(hub: Hub, standin: StandIn, folder: Path) -> None:
    standin.mishaps.ignore_range = True
    folder.mkdir(parents=True)
    (folder / f"{LM}.part").write_bytes(b"something else altogether")
    get(hub, folder)
    assert (folder / LM).read_bytes() == standin.files[LM]


def test_a_part_longer_than_the_file_is_thrown_away(hub: Hub, standin: StandIn, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"{SPM}.part").write_bytes(bytes(10_000))
    get(hub, folder)
    assert (folder / SPM).read_bytes() == standin.files[SPM]


def test_a_part_of_another_revision_is_not_gone_on_with(hub: Hub, standin: StandIn, folder: Path) -> None:
    standin.mishaps.bytes_status = 500
    error_of(hub, folder)
    (folder / f"{LM}.part").write_bytes(b"the beginning of the old one")
    standin.mishaps.bytes_status = None
    standin.files[LM] = standin.files[LM][::-1]
    standin.asked.clear()
    get(hub, folder)
    assert standin.ranges(LM) == [None]


@pytest.mark.parametrize("mishap", ["stall", "cut"])
def test_an_interrupted_line_is_taken_up_again(hub: Hub, standin: StandIn, folder: Path, mishap: str) -> None:
    if mishap == "stall":
        standin.mishaps.stall_after, standin.mishaps.stalls = 1000, 3
    else:
        standin.mishaps.cut_after, standin.mishaps.cuts = 1000, 3
    get(hub, folder)
    assert standin.ranges(LM) == [None, "bytes=1000-", "bytes=2000-", "bytes=3000-"]
    assert (folder / LM).read_bytes() == standin.files[LM]


def test_a_download_that_stays_stalled_says_so_and_keeps_what_it_has(hub: Hub, standin: StandIn, folder: Path) -> None:
    standin.mishaps.stall_at = 5000
    text = error_of(hub, folder)
    assert "stalled at 5 kB of 300 kB" in text
    assert "no byte for 0.2 s" in text
    assert (folder / f"{LM}.part").stat().st_size == 5000
    assert overall(look(folder)) is Status.PARTIAL


def test_a_missing_token_is_told_with_the_pages_to_visit(standin: StandIn, folder: Path) -> None:
    text = error_of(Hub(REPO, None, standin.endpoint), folder)
    assert text.startswith("HF_TOKEN is missing")
    assert "https://huggingface.co/nvidia/personaplex-7b-v1" in text
    assert "https://huggingface.co/settings/tokens" in text
    assert not folder.exists()


@pytest.mark.parametrize("token", ["", "abc", "hf_", f'"{TOKEN}"', f"{TOKEN}\n", f"Bearer {TOKEN}"])
def test_a_malformed_token_is_refused_before_it_goes_anywhere(standin: StandIn, token: str) -> None:
    with pytest.raises(HubError, match="HF_TOKEN is malformed: a token begins with hf_") as caught:
        Hub(REPO, token, standin.endpoint)
    assert TOKEN not in str(caught.value)
    assert standin.asked == []


def test_a_rejected_token_is_told(hub: Hub, standin: StandIn, folder: Path) -> None:
    standin.tokens.clear()
    assert error_of(hub, folder).startswith("the hub rejects HF_TOKEN (401)")


def test_a_licence_not_accepted_is_told_with_its_page(hub: Hub, standin: StandIn, folder: Path) -> None:
    standin.accepted.clear()
    text = error_of(hub, folder)
    assert "(403)" in text
    assert "open https://huggingface.co/nvidia/personaplex-7b-v1" in text


def test_a_missing_repository_revision_or_file_is_told_apart(hub: Hub, standin: StandIn, folder: Path) -> None:
    other = Hub("nvidia/nothing", TOKEN, standin.endpoint)
    assert "no repository nvidia/nothing (404)" in error_of(other, folder)
    assert "no such revision (404)" in error_of(hub, folder, revision="old")
    del standin.files[SPM]
    assert f"no file {SPM}" in error_of(hub, folder)


def test_an_optional_file_may_be_missing(hub: Hub, standin: StandIn, folder: Path) -> None:
    del standin.files["config.json"]
    assert "config.json" not in get(hub, folder).fetched
    assert overall(look(folder)) is Status.DOWNLOADED


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry_After": "77"}, "77 s"),
        ({"RateLimit": '"resolvers";r=0;t=55'}, "55 s"),
        ({}, "five minutes"),
    ],
)
@pytest.mark.parametrize("where", ["status", "bytes_status"])
def test_a_rate_limit_is_told_with_how_long_to_wait(
    hub: Hub, standin: StandIn, folder: Path, headers: dict[str, str], wait: str, where: str
) -> None:
    setattr(standin.mishaps, where, 429)
    standin.mishaps.headers = headers
    assert f"rate limit is reached (429). Wait {wait}" in error_of(hub, folder)


def test_a_hub_in_trouble_is_told(hub: Hub, standin: StandIn, folder: Path) -> None:
    standin.mishaps.status = 503
    assert "answered 503" in error_of(hub, folder)


def test_a_hub_that_cannot_be_reached_is_told(folder: Path) -> None:
    assert "127.0.0.1:9 cannot be reached" in error_of(Hub(REPO, TOKEN, "http://127.0.0.1:9"), folder)


@pytest.mark.parametrize("size", [0, 1000])
def test_a_file_of_wrong_size_is_told_and_replaced_only_when_asked(
    hub: Hub, standin: StandIn, folder: Path, size: int
) -> None:
    folder.mkdir(parents=True)
    (folder / LM).write_bytes(standin.files[LM][:size])
    text = error_of(hub, folder)
    assert f"has {size} bytes instead of {len(standin.files[LM])}" in text
    assert "--replace" in text
    assert (folder / LM).stat().st_size == size
    get(hub, folder, replace=True)
    assert (folder / LM).read_bytes() == standin.files[LM]


def test_a_file_of_right_size_and_other_content_is_noticed(hub: Hub, standin: StandIn, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / SPM).write_bytes(bytes(len(standin.files[SPM])))
    assert "has other content" in error_of(hub, folder)


@pytest.mark.parametrize("name", [LM, "config.json"])
def test_bytes_that_do_not_have_the_announced_hash_are_thrown_away(
    hub: Hub, standin: StandIn, folder: Path, name: str
) -> None:
    get(hub, folder)
    (folder / name).unlink()
    standin.mishaps.corrupt = True
    assert f"{name} came out with another hash" in error_of(hub, folder)
    assert not (folder / name).exists()
    assert not (folder / f"{name}.part").exists()


def test_nothing_is_downloaded_where_the_disk_has_no_room(hub: Hub, standin: StandIn, folder: Path) -> None:
    standin.mishaps.claimed_sizes[LM] = 10**17
    text = error_of(hub, folder)
    assert "has room for" in text
    assert "100000000.5" in text
    assert {server for server, _, _, _ in standin.asked} == {"hub"}
    assert not list(folder.glob("*.part"))


def test_a_disk_that_fills_up_is_told(hub: Hub, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"{LM}.part").symlink_to("/dev/full")
    assert "the disk is full" in error_of(hub, folder)


def test_two_downloads_do_not_write_the_same_file(hub: Hub, standin: StandIn, folder: Path) -> None:
    import fcntl

    folder.mkdir(parents=True)
    with (folder / f"{LM}.part").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another download" in error_of(hub, folder)


def test_a_dangerous_archive_is_not_unpacked(hub: Hub, standin: StandIn, folder: Path) -> None:
    standin.files["voices.tgz"] = archive({"voices/NATF0.pt": b"one", "voices/../../evil.pt": b"two"})
    assert "is not unpacked" in error_of(hub, folder)
    assert not (folder / "voices").exists()
    assert (folder / LM).exists()


def test_voices_that_were_removed_are_unpacked_again(hub: Hub, folder: Path) -> None:
    get(hub, folder)
    shutil.rmtree(folder / "voices")
    assert get(hub, folder).voices == ("NATF0.pt", "VARM4.pt")
    assert get(hub, folder).voices == ()


def test_a_damaged_manifest_is_told(hub: Hub, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{")
    assert "download.json is damaged" in error_of(hub, folder)


def test_files_lie_where_the_published_layout_has_them(hub: Hub, folder: Path) -> None:
    get(hub, folder)
    assert {LM, MIMI, SPM, "voices"} <= {path.name for path in folder.iterdir()}
