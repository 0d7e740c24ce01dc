"""What a CUDA graph does, on a CPU: take a function's operations down once, then make them again without the function.

As on a GPU, a replay knows nothing of Python: numbers are those of the recording, what was computed on the way is
computed anew, and everything else is read where it was. And as on a GPU, what a graph cannot hold is refused: a look at
a value, a shape that follows from values, memory that comes from the host, a tensor that does not stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bridge.engine.personaplex.staging import Inlet

_FROM_THE_HOST = {"lift_fresh", "lift_fresh_copy", "_pin_memory", "set_"}


class RefusedError(RuntimeError):
    """What CUDA would say to a capture that it cannot hold."""


@dataclass(frozen=True)
class _Operation:
    function: Any
    arguments: Any
    results: Any


class Tape(TorchDispatchMode):
    """The operations of one function. `stays`: addresses of the memory that outlives it."""

    def __init__(self, stays: set[int]) -> None:
        super().__init__()
        self.operations: list[_Operation] = []
        self._stays = stays
        self._made: dict[int, Tensor] = {}  # by id; kept alive, so that no id is used twice

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = (args, kwargs or {})
        refuse(function, arguments)
        for tensor in _tensors(arguments):
            if id(tensor) not in self._made and _address(tensor) not in self._stays:
                raise RefusedError(f"{function} reads a tensor {list(tensor.shape)} that does not stay")
        results = function(*args, **(kwargs or {}))
        self._made |= {id(tensor): tensor for tensor in _tensors(results)}
        self.operations.append(_Operation(function, arguments, results))
        return results

    def replay(self) -> None:
        """Make the operations again."""
        now: dict[int, Tensor] = {}
        for operation in self.operations:
            args, kwargs = _as_of(now, operation.arguments)
            results = operation.function(*args, **kwargs)
            for then, tensor in zip(_tensors(operation.results), _tensors(results), strict=True):
                now[id(then)] = tensor


def refuse(function: Any, arguments: Any) -> None:
    """Raise `RefusedError` for an operation that looks at values, or brings memory from the host."""
    name = function.overloadpacket.__name__
    indexes = name.startswith(("index", "_index"))
    looks = torch.Tag.data_dependent_output in function.tags
    grows = torch.Tag.dynamic_output_shape in function.tags and not indexes
    masks = indexes and any(tensor.dtype in (torch.bool, torch.uint8) for tensor in _tensors(arguments[0][1]))
    if looks or grows or masks or name in _FROM_THE_HOST:
        raise RefusedError(f"{function} cannot be captured")


def recorder(*roots: object) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A `graphs.Record` for works over what is reachable from `roots`, which may be changed later: it is looked at when
    something is recorded."""

    def record(work: Callable[[], None]) -> Callable[[], None]:
        stays = list(_reachable(roots, {}))
        before = [(tensor, tensor.clone()) for tensor in stays if not isinstance(tensor, torch.nn.Parameter)]
        with Tape({_address(tensor) for tensor in stays}) as tape:
            work()
        for tensor, value in before:  # a capture does not do what it takes down
            tensor.copy_(value)
        return tape.replay

    return record


def _reachable(thing: Any, seen: dict[int, Any]) -> Iterator[Tensor]:
    """Tensors on the device; the host's side of an inlet does not count."""
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, Inlet):
        yield thing.tensor
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from _reachable(part, seen)
    elif isinstance(thing, dict):
        yield from _reachable(list(thing.values()), seen)
    elif type(thing).__module__.startswith(("bridge.", "torch.nn.")):
        yield from _reachable(vars(thing), seen)


def _as_of(now: dict[int, Tensor], tree: Any) -> Any:
    """Arguments with the tensors of a replay in the place of those of the recording."""
    if isinstance(tree, Tensor):
        return now.get(id(tree), tree)
    if isinstance(tree, list | tuple):
        return type(tree)([_as_of(now, part) for part in tree])
    return {key: _as_of(now, part) for key, part in tree.items()} if isinstance(tree, dict) else tree


def _tensors(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
