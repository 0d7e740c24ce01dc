"""Settings that would fail on the first call are refused at the start, in words."""

import pytest

from bridge.facts.errors import SettingsError
from bridge.facts.settings import load_settings


@pytest.mark.parametrize(
    "url",
    [
        "bridge.example.com",
        "wss://bridge.example.com",
        "https://",
        "https://bridge.example.com:port",
        "https://[::1",
        "https://bridge.example.com/?x=1",
        "https://bridge.example.com/#top",
        "https://bridge example.com",
        "https://user:word@bridge.example.com",
    ],
)
@pytest.mark.parametrize("name", ["public_url", "twilio_api_url"])
def test_an_address_that_is_none_is_refused(url, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=f"{name.upper()}: '.*' must be an address such as"):
        load_settings(**{name: url})


def test_addresses_with_port_and_path_are_taken_and_blank_is_not_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings(public_url="https://bridge.example.com:8443/phone/").public_url.endswith("/phone")
    monkeypatch.setenv("PUBLIC_URL", " ")
    assert load_settings().public_url is None
