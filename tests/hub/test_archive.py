from __future__ import annotations

import io
import tarfile
from pathlib import Path
from random import Random

import pytest

from bridge.hub.archive import MAX_MEMBERS, MAX_VOICE_BYTES, unpack_voices
from bridge.hub.errors import HubError

from .standin import archive


def written(path: Path, members: list[tarfile.TarInfo]) -> Path:
    """An archive whose entries claim what they like."""
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(min(member.size, 10))) if member.isreg() else None)
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def test_only_voices_come_out(tmp_path: Path) -> None:
    path = tmp_path / "voices.tgz"
    path.write_bytes(
        archive(
            {
                "./voices/NATF0.pt": b"one",
                "voices/ann.safetensors": b"two",
                "voices/._NATF0.pt": b"metadata of another system",
                "voices/deep/er.pt": b"three",
                "readme.txt": b"hello",
            }
        )
    )
    assert unpack_voices(path, tmp_path / "out") == ["NATF0.pt", "ann.safetensors"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["NATF0.pt", "ann.safetensors"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "voices.tgz"]


@pytest.mark.parametrize(
    "member",
    [
        entry("/etc/evil.pt"),
        entry("voices/../../evil.pt"),
        entry("..\\evil.pt"),
        entry("C:/evil.pt"),
        entry("voices/NATF0.pt", tarfile.SYMTYPE, "/etc/passwd"),
        entry("voices/NATF0.pt", tarfile.LNKTYPE, "voices/other.pt"),
        entry("voices/NATF0.pt", tarfile.CHRTYPE),
        entry("voices/NATF0.pt", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.name} {member.type!r}",
)
def test_an_archive_with_a_dangerous_entry_is_refused_whole(tmp_path: Path, member: tarfile.TarInfo) -> None:
    path = written(tmp_path / "voices.tgz", [entry("voices/VARF0.pt"), member])
    with pytest.raises(HubError, match="is not unpacked: its entry"):
        unpack_voices(path, tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["voices.tgz"]


def test_an_archive_larger_than_any_set_of_voices_is_refused(tmp_path: Path) -> None:
    large = entry("voices/NATF0.pt")
    large.size = MAX_VOICE_BYTES + 1
    many = [entry(f"voices/v{number}.pt") for number in range(MAX_MEMBERS + 1)]
    with tarfile.open(tmp_path / "large.tgz", "w:gz") as tar:
        tar.addfile(large, io.BytesIO(bytes(large.size)))
    written(tmp_path / "many.tgz", many)
    for name in ("large.tgz", "many.tgz"):
        with pytest.raises(HubError, match="larger than any set of voices"):
            unpack_voices(tmp_path / name, tmp_path / "out")


@pytest.mark.parametrize("cut", [0, 5, 60, 20_000])
def test_a_damaged_archive_is_told(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "voices.tgz"
    path.write_bytes(
        archive({f"voices/NATF{number}.pt": Random(number).randbytes(10_000) for number in range(3)})[:cut]
    )
    with pytest.raises(HubError, match="Remove it and download it again"):
        unpack_voices(path, tmp_path / "out")


def test_an_archive_without_voices_is_told(tmp_path: Path) -> None:
    path = tmp_path / "voices.tgz"
    path.write_bytes(archive({"readme.txt": b"hello"}))
    with pytest.raises(HubError, match="holds no voices"):
        unpack_voices(path, tmp_path / "out")
