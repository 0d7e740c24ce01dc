from __future__ import annotations

import pytest
import torch

from bridge.engine.personaplex.window import KVRing, Prefill

HEADS, HEAD_DIM, CONTEXT = 2, 8, 7


def ring(slots: int) -> KVRing:
    return KVRing(
        layers=1,
        slots=slots,
        context=CONTEXT,
        heads=HEADS,
        head_dim=HEAD_DIM,
        max_period=10000.0,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def projections(length: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(length)
    return tuple(torch.randn(1, length, HEADS, HEAD_DIM, generator=generator) for _ in range(3))


def at_once(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    prefill = Prefill(
        length=q.shape[1], context=CONTEXT, head_dim=HEAD_DIM, max_period=10000.0, device=torch.device("cpu")
    )
    return prefill.attend(0, q, k, v), prefill.kv


def test_stepping_past_the_wrap_equals_one_pass_with_a_band() -> None:
    q, k, v = projections(3 * CONTEXT)
    window, run = ring(1), torch.ones(1, dtype=torch.bool)
    expected, _ = at_once(q, k, v)
    for p in range(3 * CONTEXT):
        attend = window.at(torch.tensor([p]), run)
        y = attend(0, q[:, p : p + 1], k[:, p : p + 1], v[:, p : p + 1])
        torch.testing.assert_close(y, expected[:, p : p + 1])


def test_ring_filled_at_once_equals_one_that_was_stepped_through() -> None:
    for length in (1, CONTEXT - 1, CONTEXT, 2 * CONTEXT + 3):
        q, k, v = projections(length)
        stepped, placed, run = ring(1), ring(3), torch.ones(1, dtype=torch.bool)
        for p in range(length):
            stepped.at(torch.tensor([p]), run)(0, q[:, p : p + 1], k[:, p : p + 1], v[:, p : p + 1])
        placed.place(1, at_once(q, k, v)[1], end=length)
        torch.testing.assert_close(placed.kv[:, :, 1:2], stepped.kv)
        assert not placed.kv[:, :, [0, 2]].any()


def test_first_of_two_new_positions_sees_one_fewer() -> None:
    """The codec writes both positions of a frame before either attends."""
    _, k, _ = projections(CONTEXT + 1)
    flat = torch.zeros_like(k)  # of queries: every position that is seen weighs the same
    value = flat.clone()
    value[:, 0] = 1.0
    run = torch.ones(1, dtype=torch.bool)

    def last_full_window(at_a_time: int) -> torch.Tensor:
        """What position CONTEXT − 1 sees of position 0."""
        window = ring(1)
        for p in range(0, CONTEXT, at_a_time):
            new = slice(p, p + at_a_time)
            y = window.at(torch.tensor([p]), run, at_a_time)(0, flat[:, new], k[:, new], value[:, new])
        return y[0, 0].max()

    assert CONTEXT % 2 == 1
    assert last_full_window(2) == 0
    assert last_full_window(1) == pytest.approx(1 / CONTEXT)


def test_ring_of_an_idle_slot_is_untouched() -> None:
    q, k, v = (x.expand(2, -1, -1, -1) for x in projections(4))
    window = ring(2)
    window.at(torch.tensor([0, 0]), torch.tensor([True, True]), 4)(0, q, k, v)
    before = window.kv.clone()
    window.at(torch.tensor([4, 4]), torch.tensor([True, False]), 2)(0, q[:, :2], k[:, :2], v[:, :2])
    assert torch.equal(window.kv[:, :, 1], before[:, :, 1])
    assert not torch.equal(window.kv[:, :, 0], before[:, :, 0])
