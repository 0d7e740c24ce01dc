"""Calls that we place: Asterisk's REST interface (ARI), on loopback, with the password that `sip up` gave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from bridge.facts.errors import BridgeError
from bridge.sip.asterisk_files import ARI_USER, OUTBOUND

TIMEOUT_S: Final = 5.0


class AsteriskError(BridgeError):
    """Asterisk could not be asked, or refused."""


async def place_call(
    url: str,
    password: str,
    *,
    number: str,
    trunk: str,
    caller_id: str,
    variables: Mapping[str, str],
    ring_seconds: int = 30,
) -> str:
    """Have Asterisk call `number` by way of `trunk`; once it is answered the bridge gets it. The channel's id.

    `variables` reach the bridge with the call (names beginning with BRIDGE_). Raises `AsteriskError`.
    """
    order = {
        "endpoint": f"PJSIP/{number}@{trunk}",
        "context": OUTBOUND,
        "extension": number,
        "priority": 1,
        "callerId": caller_id,
        "timeout": ring_seconds,
        "variables": {f"_{name}": value for name, value in variables.items()},
    }
    try:
        async with httpx.AsyncClient(auth=(ARI_USER, password), timeout=TIMEOUT_S, trust_env=False) as client:
            answer = await client.post(f"{url}/ari/channels", json=order)
    except httpx.HTTPError as error:
        raise AsteriskError(
            f"Asterisk cannot be reached at {url} ({type(error).__name__}); is `callbridge sip up` running?"
        ) from None
    match answer.status_code:
        case 200:
            return str(answer.json()["id"])
        case 401 | 403:
            raise AsteriskError("Asterisk refuses the password of its interface; start `callbridge sip up` again")
        case _:
            raise AsteriskError(f"Asterisk does not place the call ({answer.status_code}); is there a trunk {trunk}?")
