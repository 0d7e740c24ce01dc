"""Work in threads for requests: bounded, also where those who asked are gone."""

import asyncio
import threading

import pytest
from fastapi import HTTPException

from bridge.server.api.desk import Desk


async def test_so_much_waits_and_the_rest_is_turned_away():
    desk, gate = Desk("test", most=2), threading.Event()
    first, second = (asyncio.create_task(desk.do(gate.wait, 10)) for _ in range(2))
    await asyncio.sleep(0)
    with pytest.raises(HTTPException) as refused:
        await desk.do(int)
    assert (refused.value.status_code, refused.value.headers, desk.refused) == (503, {"Retry-After": "1"}, 1)
    second.cancel()  # whoever asked has gone, and has not been begun with
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(desk.do(int))
    await asyncio.sleep(0)
    first.cancel()  # gone, too, but the thread is still at it
    with pytest.raises(HTTPException):
        await desk.do(int)
    gate.set()
    assert await third == 0
    assert await asyncio.gather(first, return_exceptions=True)
    desk.close()


async def test_what_the_work_raises_is_raised_for_who_asked():
    desk = Desk("test")
    with pytest.raises(ZeroDivisionError):
        await desk.do(divmod, 1, 0)
    assert await desk.do(divmod, 7, 2) == (3, 1)
    desk.close()
