"""Where a number leads, and where it is to lead."""

from __future__ import annotations

import pytest

from bridge.connect.configuration import (
    Change,
    Configuration,
    ConnectError,
    changes,
    connected,
    leads_to,
    persona_in,
    plain,
    public_address,
)

PUBLIC = "https://bridge.example.com"


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        (f"{PUBLIC}/twilio/voice", True),
        (f"{PUBLIC}/twilio/voice?persona=dental", True),
        ("https://Bridge.Example.com:443/twilio/voice", True),
        (f"{PUBLIC}:8443/twilio/voice", False),
        (f"{PUBLIC}/twilio/fallback", False),
        (f"{PUBLIC}.evil.example/twilio/voice", False),
        ("http://bridge.example.com/twilio/voice", False),
        (f"{PUBLIC}:x/twilio/voice", False),
        ("", False),
    ],
)
def test_an_address_leads_here_in_whatever_form_it_is_written(url: str, leads: bool) -> None:
    assert leads_to(url, PUBLIC) is leads


def test_default_ports_and_capital_letters_make_no_other_address() -> None:
    assert plain("wss://Bridge.example.com:443/m?a=B") == "wss://bridge.example.com/m?a=B"
    assert plain("http://[2001:DB8::1]:80/x") == "http://[2001:db8::1]/x"


def test_only_what_differs_is_changed_and_the_rest_of_the_number_stays() -> None:
    before = Configuration(voice_url="https://old.example.com", voice_fallback_method="GET")
    after = connected(before, PUBLIC, "dental", True, None)
    assert persona_in(after.voice_url) == "dental"
    assert Change("voice_fallback_method", "GET", "POST") in changes(before, after)
    assert changes(after, connected(after, PUBLIC, "dental", True, None)) == []


@pytest.mark.parametrize(
    "url", [None, "", "http://bridge.example.com", "bridge.example.com", "https://", f"{PUBLIC}/?x=1"]
)
def test_a_public_address_that_twilio_could_not_use_is_refused(url: str | None) -> None:
    with pytest.raises(ConnectError, match="PUBLIC_URL"):
        public_address(url)
    assert public_address(f"{PUBLIC}/phone/") == f"{PUBLIC}/phone"
