"""The parts of a step, each ready to run at some numbers of slots and pages; on a GPU as graphs.

A step computes the slots up to the last one that is taken, and the pages up to the last one in use, both rounded up so
that few numbers occur. `warm_up` captures a graph for each of them. Where calls come to a pair that has none, a graph
of more slots or pages does the work: rows and pages beyond are computed along, and nobody sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from bridge.engine.personaplex.graphs import CudaGraphs, Graphs, Record
from bridge.engine.personaplex.mimi import Stream
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.pages import bucket_of
from bridge.engine.personaplex.parts import Parts, desk
from bridge.engine.personaplex.slots import Slots
from bridge.engine.personaplex.staging import Inlet, Outlet

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


class Machine:
    """See the module. What the host writes to the desk: `run`, `pcm`, `ruling`; what it reads: `offers`, `said`."""

    def __init__(
        self,
        model: Model,
        slots: Slots,
        hearing: Stream,
        saying: Stream,
        *,
        sizes: Sequence[int] | None = None,
        record: Record | None = None,
    ) -> None:
        """sizes: numbers of slots that a step may compute, by default the powers of two, and all slots."""
        self.graphs = Graphs(record)
        self.sizes = sorted({min(size, slots.count) for size in sizes or _powers_of_two(slots.count)} | {slots.count})
        self.desk = desk(model, slots.count)
        self.run, self.pcm, self.ruling = Inlet(self.desk.run), Inlet(self.desk.pcm), Inlet(self.desk.ruling)
        self.offers, self.said = Outlet(self.desk.offers), Outlet(self.desk.sound, self.desk.words)
        whole = Parts(model, slots, hearing, saying, self.desk)
        self._parts = {size: whole.first(size) for size in self.sizes}
        self._window, self._count = slots.window, slots.count
        self._moves = self._window.moves
        self._warm = False

    def size(self, taken: int) -> int:
        """Slots to compute where so many first ones must be."""
        return next(size for size in self.sizes if size >= taken)

    def do(self, part: str, size: int) -> None:
        """Run encode, offer, speak or decode (`parts.Parts`) for the first `size` slots."""
        self.graphs.run((part, size), getattr(self._parts[size], part))

    def listen(self, size: int) -> None:
        """Run listen for the first `size` slots, over the pages in use."""
        window = self._window
        window.lay_out()
        if window.moves != self._moves:
            self._moves = window.moves
            self.graphs.forget("listen")
        size, bucket = self._at_hand(size, window.bucket)
        self.graphs.run(("listen", size, bucket), partial(self._parts[size].listen, bucket))

    def warm_up(self, on_work: Progress = lambda done, total: None) -> None:
        """Do beforehand what the first steps would wait for; on a GPU, capture all graphs. Nothing else may run."""
        self.run.put(np.zeros(self._count, bool))  # so that no state changes
        works = list(self._works())
        for done, (key, work) in enumerate(works):
            on_work(done, len(works))
            self.graphs.run(key, work)
        on_work(len(works), len(works))
        self._warm = self.graphs.recording

    def _at_hand(self, size: int, bucket: int) -> tuple[int, int]:
        """The least graph that does the work; after `warm_up`, capturing another would make callers wait."""
        if not self._warm or ("listen", size, bucket) in self.graphs:
            return size, bucket
        found = [key[1:] for key in self.graphs if isinstance(key, tuple) and key[0] == "listen"]
        return min((key for key in found if key[0] >= size and key[1] >= bucket), default=(size, bucket))

    def _works(self) -> Iterator[tuple[Hashable, Callable[[], None]]]:
        """What steps are made of; without graphs, each part once."""
        for size in self.sizes if self.graphs.recording else self.sizes[-1:]:
            parts = self._parts[size]
            for name in ("encode", "offer", "speak", "decode"):
                yield (name, size), getattr(parts, name)
            for bucket in self._buckets(size):
                yield ("listen", size, bucket), partial(parts.listen, bucket)

    def _buckets(self, size: int) -> list[int]:
        """Numbers of pages that calls in so many slots may come to have; for all slots, every number there is.

        Pages are handed out from the lowest, so that few calls have low pages. For the exception, a call that has
        outlived many others, the graphs of all slots are there.
        """
        there = self._window.pages_there
        if not self.graphs.recording:
            return [there]
        least = 1 if size == self._count else 1 + size
        most = 1 + size * self._window.places
        return sorted({min(bucket_of(pages), there) for pages in range(least, most + 1)})


def cuda_graphs(stream: torch.cuda.Stream | None) -> Record | None:
    """How works on this stream are recorded; where there is no stream, not at all."""
    return None if stream is None else CudaGraphs(stream)


def _powers_of_two(most: int) -> list[int]:
    return [1 << power for power in range(most.bit_length()) if 1 << power <= most]
