"""Work on the device that is recorded once and then replayed: on a GPU one launch instead of hundreds.

A work is a function of nothing: it reads and writes tensors that stay where they are, looks at none of their values,
and makes the same operations each time. All works of a runtime are run here, under a key that names their shapes,
whether they are recorded or not; so what runs eagerly is the very same function that a graph replays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator
from typing import Final

import torch

log = logging.getLogger(__name__)

Work = Callable[[], None]

Record = Callable[[Work], Work]
"""Takes down what a work does, without doing it, and gives a work that does the same. May raise RuntimeError."""

MOST_GRAPHS: Final = 192
"""Graphs that are kept; works beyond run eagerly. A graph of some thousand launches holds a few MB."""


class Graphs:
    """The works of one runtime, and what became of them.

    recorded: graphs that were made. replays: works that were replayed. eager: works that were run by themselves.
    failed: works that could not be recorded, and run eagerly ever since.
    """

    def __init__(self, record: Record | None, most: int = MOST_GRAPHS) -> None:
        """Without `record` everything runs eagerly."""
        self.recorded = self.replays = self.eager = self.failed = 0
        self._record = record
        self._most = most
        self._replays: dict[Hashable, Work] = {}
        self._unfit: set[Hashable] = set()

    def __contains__(self, key: Hashable) -> bool:
        """Whether there is a graph for a key."""
        return key in self._replays

    def __iter__(self) -> Iterator[Hashable]:
        """The keys of all graphs."""
        return iter(self._replays)

    @property
    def recording(self) -> bool:
        """Whether works become graphs at all."""
        return self._record is not None

    def run(self, key: Hashable, work: Work) -> None:
        """Do a work. The first time it is done by itself, which also lets libraries settle, and then recorded."""
        replay = self._replays.get(key)
        if replay is not None:
            replay()
            self.replays += 1
            return
        work()
        self.eager += 1
        if self._record is not None and key not in self._unfit and len(self._replays) < self._most:
            self._take_down(self._record, key, work)

    def forget(self, kind: str) -> None:
        """Drop the graphs whose key begins with `kind`: a tensor of theirs has moved."""
        for key in [key for key in self._replays if isinstance(key, tuple) and key[0] == kind]:
            del self._replays[key]

    def _take_down(self, record: Record, key: Hashable, work: Work) -> None:
        try:
            self._replays[key] = record(work)
            self.recorded += 1
        except RuntimeError as error:
            self._unfit.add(key)
            self.failed += 1
            if self.failed == 1:
                log.warning("%s cannot be captured as a graph and runs eagerly, more slowly: %s", key, error)


class CudaGraphs:
    """Records works as CUDA graphs that share one pool of memory.

    Sharing is safe because nothing that a work computes outlives it: what is left is in tensors that stay. Captures and
    replays are on the same stream, so no two works overlap.
    """

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        graph = torch.cuda.CUDAGraph()
        # Another thread may be taking in a prompt: what it does to the device must not spoil the capture.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            work()
        return graph.replay
