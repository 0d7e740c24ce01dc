"""The call between a scripted carrier and a scripted engine."""

import asyncio

import pytest

from bridge.call import session as module
from tests.call.rig import Rig


@pytest.fixture
async def rig(monkeypatch):
    monkeypatch.setattr(module, "CHECK_SECONDS", 0)  # the clock is the test's: look at it whenever there is a turn
    rigs = []

    def make(**options):
        rigs.append(Rig(**options))
        return rigs[-1]

    yield make
    for one in rigs:
        one.task.cancel()
        await asyncio.gather(one.task, return_exceptions=True)
