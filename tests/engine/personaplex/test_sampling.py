from __future__ import annotations

import torch
from torch import Tensor

from bridge.engine.personaplex.sampling import TOP_K_MAX, gumbel_noise, heat, luck
from bridge.engine.personaplex.sampling import draw as draw_lucky

MANY = 4000


def draw(logits: Tensor, noise: Tensor, temperature: Tensor, top_k: Tensor, count: int = 1) -> Tensor:
    return draw_lucky(logits, luck(noise, temperature, top_k), heat(temperature), count)


def noise(seed: int = 1, rows: int = 1) -> Tensor:
    """Of `MANY` positions of one call."""
    return gumbel_noise(torch.full((MANY,), seed), torch.arange(MANY), rows)


def test_noise_is_gumbel_distributed() -> None:
    drawn = noise().flatten()
    assert abs(drawn.mean() - 0.57722) < 0.005
    assert abs(drawn.var() - torch.pi**2 / 6) < 0.02
    for p in (0.01, 0.25, 0.5, 0.75, 0.99):
        quantile = -torch.log(-torch.log(torch.tensor(p)))
        assert abs((drawn < quantile).float().mean() - p) < 0.002
    assert drawn.isfinite().all()


def test_noise_of_seeds_positions_rows_and_ranks_is_unrelated() -> None:
    one = noise(1, rows=2)
    pairs = [
        (one[:, 0], noise(2)[:, 0]),
        (one[:, 0], noise(1 + 2**32)[:, 0]),
        (one[:, 0], noise(-1)[:, 0]),
        (one[:-1, 0], one[1:, 0]),
        (one[:, 0], one[:, 1]),
        (one[:, 0, :-1], one[:, 0, 1:]),
    ]
    for a, b in pairs:
        assert abs(torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1]) < 0.005
        assert (a == b).float().mean() < 1e-4


def test_noise_of_a_slot_is_the_same_whoever_stands_beside_it() -> None:
    alone = gumbel_noise(torch.tensor([7]), torch.tensor([40]), 9)
    among = gumbel_noise(torch.tensor([1, 7, 3]), torch.tensor([9, 40, 2]), 9)
    assert torch.equal(alone[0], among[1])


def test_draws_follow_the_softmax() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 3.0])
    temperature = torch.full((MANY,), 0.7)
    tokens = draw(logits.expand(MANY, -1), noise()[:, 0], temperature, torch.full((MANY,), 5))
    found = tokens[:, 0].bincount(minlength=5) / MANY
    torch.testing.assert_close(found, (logits / 0.7).softmax(0), atol=0.02, rtol=0)


def test_second_candidate_is_a_sample_of_what_remains() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    tokens = draw(logits.expand(MANY, -1), noise()[:, 0], torch.ones(MANY), torch.full((MANY,), 4), count=2)
    after_the_first = tokens[tokens[:, 0] == 0, 1].bincount(minlength=4)
    expected = logits[1:].softmax(0)
    torch.testing.assert_close(after_the_first[1:] / after_the_first.sum(), expected, atol=0.03, rtol=0)
    assert after_the_first[0] == 0


def test_top_k_and_temperature_are_each_slots_own() -> None:
    logits = torch.arange(300.0).expand(3, -1) / 300
    temperature, top_k = torch.tensor([0.0, 5.0, 5.0]), torch.tensor([25, 1, 10])
    seen: list[set[int]] = [set(), set(), set()]
    for position in range(300):
        drawn = gumbel_noise(torch.arange(3), torch.full((3,), position), 1)[:, 0]
        for slot, token in enumerate(draw(logits, drawn, temperature, top_k)[:, 0].tolist()):
            seen[slot].add(token)
    assert seen[0] == seen[1] == {299}
    assert seen[2] == set(range(290, 300))


def test_candidates_beyond_the_top_k_come_last_by_their_logits() -> None:
    logits = torch.tensor([[0.0, 5.0, 4.0, 3.0, 1.0]])
    drawn = torch.zeros(1, TOP_K_MAX)
    drawn[0, 1] = 3.0  # lifts the second best, id 2
    assert draw(logits, drawn, torch.ones(1), torch.tensor([2]), 5).tolist() == [[2, 1, 3, 4, 0]]
