"""Which addresses are this machine's own."""

import pytest

from bridge.facts.addresses import is_loopback


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80/x", "ws://127.9.9.9/"])
def test_an_address_of_this_machine_is_known_as_such(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url", ["https://bridge.example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "", "x"]
)
def test_any_other_address_is_not(url):
    assert not is_loopback(url)
