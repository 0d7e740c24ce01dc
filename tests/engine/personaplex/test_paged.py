"""The language model's window beside a slow one that keeps every key of a call, unrotated."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bridge.engine.personaplex.layers import rotary, rotate
from bridge.engine.personaplex.paged import PagedWindow
from bridge.engine.personaplex.window import Prefill

HEADS, HEAD_DIM, CONTEXT, PERIOD = 2, 8, 17, 10000.0
ON = torch.ones(1, dtype=torch.bool)


def window(slots: int = 1, most_pages: int | None = None, at_once: bool = False) -> PagedWindow:
    return PagedWindow(
        layers=1,
        slots=slots,
        context=CONTEXT,
        heads=HEADS,
        head_dim=HEAD_DIM,
        max_period=PERIOD,
        device=torch.device("cpu"),
        dtype=torch.float32,
        most_pages=most_pages,
        at_once=at_once,
    )


def projections(length: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(length)
    q, k, v = (torch.randn(1, length, HEADS, HEAD_DIM, generator=generator) for _ in range(3))
    return q, k, v


def step(paged: PagedWindow, position: int, pinned: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    paged.reserve(0, position + 1)
    paged.lay_out()
    attend = paged.at(torch.tensor([position]), torch.tensor([pinned]), ON)
    now = slice(position, position + 1)
    return attend(0, q[:, now], k[:, now], v[:, now])


def slow(
    position: int, pinned: int, q: Tensor, k: Tensor, v: Tensor, context: int = CONTEXT
) -> tuple[Tensor, list[int]]:
    """[heads, head_dim], and the distances: prompt, then the newest positions, all as if next to each other."""
    seen = sorted({*range(min(pinned, position + 1)), *range(max(0, position + 1 - context + pinned), position + 1)})
    distances = list(range(len(seen)))[::-1]
    turned = [
        rotate(k[:, [at]], rotary(torch.tensor([-distance]), HEAD_DIM, PERIOD))[0, 0]
        for at, distance in zip(seen, distances, strict=True)
    ]
    score = torch.stack([(q[0, position] * key).sum(-1) for key in turned]) / HEAD_DIM**0.5  # [seen, heads]
    return (score.softmax(0)[..., None] * v[0, seen]).sum(0), distances


@pytest.mark.parametrize("pinned", [0, 1, 5, 8, CONTEXT - 1])
def test_pinned_positions_stand_right_before_those_that_slide(pinned: int) -> None:
    length = 4 * CONTEXT
    q, k, v = projections(length)
    paged = window()
    for position in range(length):
        found = step(paged, position, pinned, q, k, v)
        expected, distances = slow(position, pinned, q, k, v)
        torch.testing.assert_close(found[0, 0], expected, atol=1e-5, rtol=1e-5)
        assert max(distances) < CONTEXT


def test_nothing_pinned_is_the_plain_sliding_window() -> None:
    length = 3 * CONTEXT
    q, k, v = projections(length)
    prefill = Prefill(length=length, context=CONTEXT, head_dim=HEAD_DIM, max_period=PERIOD, device=torch.device("cpu"))
    expected, paged = prefill.attend(0, q, k, v), window()
    for position in range(length):
        found = step(paged, position, 0, q, k, v)
        torch.testing.assert_close(found, expected[:, position : position + 1], atol=1e-5, rtol=1e-5)


def test_rotation_is_as_exact_after_an_hour_as_at_the_start() -> None:
    q, k, _ = projections(1)

    def score(position: int) -> Tensor:
        at = (rotary(torch.tensor([p]), 128, PERIOD) for p in (position, position - 2999))
        wide = q.repeat(1, 1, 1, 16), k.repeat(1, 1, 1, 16)
        turned = [rotate(x, turn) for x, turn in zip(wide, at, strict=True)]
        return (turned[0] * turned[1]).sum(-1)

    torch.testing.assert_close(score(45_000), score(2999), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("length", "pinned"), [(1, 0), (6, 6), (CONTEXT, 8), (2 * CONTEXT + 3, 0)])
def test_placed_prompt_equals_one_that_was_stepped_through(length: int, pinned: int) -> None:
    q, k, v = projections(length)
    prefill = Prefill(length=length, context=CONTEXT, head_dim=HEAD_DIM, max_period=PERIOD, device=torch.device("cpu"))
    prefill.attend(0, q, k, v)
    stepped, placed = window(), window(3)
    for position in range(length):
        step(stepped, position, pinned, q, k, v)
    placed.place_prompt(1, prefill.kv, length, pinned)
    torch.testing.assert_close(placed.pools[0][:, placed.table[1]], stepped.pools[0][:, stepped.table[0]])
    assert not placed.pools[0][:, placed.table[[0, 2]]].any()


def test_growing_leaves_keys_where_they_are_and_neighbours_alone() -> None:
    length = 2 * CONTEXT
    q, k, v = projections(length)
    alone, among = window(), window(3)
    for position in range(length):
        expected = step(alone, position, 4, q, k, v)
        among.reserve(1, position + 1)
        if position % 3 == 0:
            among.reserve(2, position // 3 + 1)
        if position == 20:
            among.release(2)
        among.lay_out()
        attend = among.at(torch.tensor([0, position, 0]), torch.tensor([0, 4, 0]), torch.tensor([False, True, False]))
        one = slice(position, position + 1)
        found = attend(
            0, q[:, one].expand(3, -1, -1, -1), k[:, one].expand(3, -1, -1, -1), v[:, one].expand(3, -1, -1, -1)
        )
        assert torch.equal(found[1], expected[0])
    assert not among.pools[0][:, 0].any()  # nobody's page


@pytest.mark.parametrize("pinned", [0, 3])
def test_call_without_a_further_page_slides_over_those_it_has(pinned: int) -> None:
    """Four pages of two positions: from position 8 on it is a window of 8."""
    length = 2 * CONTEXT
    q, k, v = projections(length)
    short = window(most_pages=5)
    for position in range(length):
        found = step(short, position, pinned, q, k, v)
        expected, distances = slow(position, pinned, q, k, v, context=8)
        torch.testing.assert_close(found[0, 0], expected, atol=1e-5, rtol=1e-5)
        assert max(distances) < 8
        assert int(short.span[0]) == (8 if position >= 8 else CONTEXT)
    assert short.shortened == 1
    short.release(0)
    short.lay_out()
    assert int(short.span[0]) == CONTEXT


def test_promise_is_kept_while_others_grow() -> None:
    paged = window(3, most_pages=9)
    assert paged.promise(0, 8)
    assert paged.room(8) == 1
    assert not paged.promise(1, 12)
    for position in range(CONTEXT):
        paged.reserve(2, position + 1)
    assert paged.bytes_used == 4 * paged.page_bytes  # all that are promised to nobody
    paged.reserve(0, 8)
    assert paged.bytes_used == 8 * paged.page_bytes
    assert paged.shortened == 1


def test_pools_that_are_taken_at_once_never_move() -> None:
    paged = window(2, at_once=True)
    pools, moves = list(paged.pools), paged.moves
    for position in range(CONTEXT):
        paged.reserve(position % 2, position + 1)
    assert all(one is other for one, other in zip(paged.pools, pools, strict=True))
    assert (paged.moves, paged.pages_there) == (moves, 1 + 2 * 9)


def test_device_without_memory_refuses_a_promise_and_shortens_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is made to run out as a GPU does, with an error of torch's at the moment of allocation."""
    paged = window(3)
    assert paged.promise(0, 6)
    keys = paged.pools[0]

    def run_out(*shape: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.Tensor, "new_zeros", run_out)
    assert not paged.promise(1, 6)
    assert paged.room(2) == 0
    for position in range(10):
        paged.reserve(0, position + 1)
    paged.lay_out()
    assert paged.pools[0] is keys
    assert (paged.bytes_used, paged.shortened, int(paged.span[0])) == (3 * paged.page_bytes, 1, 6)


def test_pages_come_with_the_positions_and_no_more_after_a_window() -> None:
    paged = window()
    assert paged.page == 2
    size = 2 * 2 * HEADS * HEAD_DIM * 4
    used = []
    for position in range(45_000):  # an hour
        paged.reserve(0, position + 1)
        used.append(paged.bytes_used)
    assert used[:5] == [size, size, 2 * size, 2 * size, 3 * size]
    assert used[CONTEXT - 1] == used[-1] == 9 * size
    assert paged.bytes_reserved == paged.bucket * size == 10 * size  # with nobody's page
    paged.release(0)
    assert paged.bytes_used == 0
    assert paged.bucket == 1
