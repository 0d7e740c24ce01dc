"""A line: a server at a number of an account."""

import contextlib
from dataclasses import replace

import pytest

from .phone import OURS


@pytest.fixture
def line(serve, twilio, shop):
    """`async with line(…) as ring`: a server at the account's number, and `ring(talker)` for a call to it."""

    @contextlib.asynccontextmanager
    async def opened(keys="{'0': transfer}", more="", **settings):
        persona = f"{shop}keys: {keys}\n{more}"
        async with serve(personas={"shop": persona}, **twilio.settings, **settings) as server:
            account = twilio.account
            account.line = replace(account.line, url=server.local_url)
            account.own(OURS, voice_url=f"{server.local_url}/twilio/voice", status_callback="/twilio/call-status")
            yield server, account

    return opened
