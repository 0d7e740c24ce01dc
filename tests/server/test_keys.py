"""The keys that the bridge makes itself."""

import os
import stat
from pathlib import Path

import pytest

from bridge.facts.errors import BridgeError
from bridge.server.keys import own_key, write_once


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path):
    key = own_key(tmp_path, "sip.key", "SIP_PASSWORD")
    assert len(key) == 43
    assert own_key(tmp_path, "sip.key", "SIP_PASSWORD") == key
    assert [path.name for path in tmp_path.iterdir()] == ["sip.key"]
    assert stat.S_IMODE((tmp_path / "sip.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_key_which_anybody_could_give_is_refused(tmp_path, content):
    (tmp_path / "sip.key").write_text(content)
    with pytest.raises(BridgeError, match=r"sip\.key is empty\. Remove it"):
        own_key(tmp_path, "sip.key", "SIP_PASSWORD")


def test_a_disk_that_fills_up_leaves_no_half_a_key(tmp_path, monkeypatch):
    def full(handle, mode):
        os.close(handle)
        return Path("/dev/full").open(mode)

    monkeypatch.setattr("bridge.server.keys.os.fdopen", full)
    with pytest.raises(BridgeError, match=r"No space left on device\. Set API_KEY instead"):
        own_key(tmp_path, "api.key", "API_KEY")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_stays(tmp_path):
    (tmp_path / "people.key").write_bytes(b"old")
    write_once(tmp_path / "people.key", b"new")
    assert (tmp_path / "people.key").read_bytes() == b"old"
