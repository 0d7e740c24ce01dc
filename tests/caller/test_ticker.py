"""One ticker drives many calls without drift."""

from __future__ import annotations

import asyncio

from bridge.caller.ticker import Ticker


async def test_moments_of_a_phase_are_numbered_without_gaps_while_the_loop_keeps_up() -> None:
    ticker = Ticker(phases=4)
    async with ticker.running():
        phase = ticker.seat()
        first = await ticker.wait(phase)
        numbers = [await ticker.wait(phase) for _ in range(5)]
    missed = numbers[-1] - first - 5
    assert numbers == sorted(set(numbers))
    assert missed >= 0


async def test_missed_moments_show_as_a_gap_in_the_numbers() -> None:
    ticker = Ticker()
    async with ticker.running():
        phase = ticker.seat()
        first = await ticker.wait(phase)
        await asyncio.sleep(0.1)
        assert await ticker.wait(phase) - first >= 4


async def test_seats_are_spread_over_the_phases() -> None:
    ticker = Ticker(phases=3)
    assert [ticker.seat() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


async def test_a_call_that_gives_up_waiting_does_not_disturb_the_others() -> None:
    ticker = Ticker()
    async with ticker.running():
        phase = ticker.seat()
        patient, impatient = (asyncio.create_task(ticker.wait(phase)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await patient >= 0
        assert await ticker.wait(phase) >= 1
