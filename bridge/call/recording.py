"""A stereo recording of what was heard: caller on the left, agent on the right, streamed to a WAV file.

The call's clock is the caller's audio, sample by sample, so the file is as long as the caller's audio. What the agent
says is entered where the playout account expects it to be heard, and `cut` takes back what a `clear` kept from being
heard. Samples become final once they lie `LAG` behind the caller; they then go, a second at a time, to a thread that
writes them. The header is made right with every second, so after a `kill -9` the file is valid and lacks its last
three seconds at most.

There is no file before `permit` says from when on the call may be kept; what lies before is silence in it, so that the
file's clock stays the call's. `discard` deletes it.

A disk that is full or too slow ends the recording and never the call.
"""

from __future__ import annotations

import logging
import os
import queue
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bridge.audio import mulaw
from bridge.facts.formats import PHONE_BYTES_PER_MS, PHONE_RATE, ULAW_SILENCE

log = logging.getLogger("bridge.recording")

LAG: Final = 2 * PHONE_RATE
"""Samples. The agent's side may be corrected this far back: two seconds, five times what a carrier's buffer holds."""

AHEAD: Final = 60 * PHONE_RATE
"""Samples. The agent's side may be entered this far ahead of the caller; what lies beyond is dropped and counted."""

BLOCK: Final = PHONE_RATE
"""Samples written at a time: one second, 32 KB."""

MAX_BLOCKS: Final = 30
"""Seconds that may wait for a slow disk. When they are all taken the recording ends."""

HEADER_BYTES: Final = 44
_FRAME_BYTES: Final = 4  # two channels of 16 bits
_SILENCE: Final = bytes([ULAW_SILENCE])


@dataclass(slots=True)
class RecordingCounters:
    """In samples at 8 kHz, except for blocks."""

    late: int = 0
    too_far_ahead: int = 0
    blocks_written: int = 0


class Recording:
    """One call's recording. Owner: the call; its methods, except `wait`, come from its one thread.

    `on_problem` is called once, from that same thread, with words for the call's record, should the recording end
    before the call does.
    """

    def __init__(self, path: Path, on_problem: Callable[[str], None], *, begins_ms: int = 0) -> None:
        """Nothing is kept before `permit`. Only the writing thread touches the disk; it creates a missing folder.

        A call that comes back on another stream goes on in its file from `begins_ms` on, with silence for the pause.
        """
        self.path = path
        self.counters = RecordingCounters()
        self._on_problem = on_problem
        self._timeline = Timeline(self.counters)
        self._blocks: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue(MAX_BLOCKS)
        self._failure: str | None = None
        self._stop = threading.Event()
        self._over = False
        self._permitted = self._discarded = False
        self._thread = threading.Thread(target=self._write, name="recording", daemon=True)
        self._resumed = begins_ms > 0
        self._silent = begins_ms * PHONE_BYTES_PER_MS  # samples that were dropped before the file began

    def caller(self, ulaw: bytes) -> None:
        """The caller's next audio, 8 kHz mu-law, gaps filled."""
        if self._over:
            return
        self._timeline.caller(ulaw)
        while (block := self._timeline.take_final()) is not None:
            if self._permitted:
                self._hand_over(block)
            else:
                self._silent += BLOCK
        self._check()

    def agent(self, at: int, ulaw: bytes) -> None:
        """Audio of the agent, 8 kHz mu-law, that will be heard from `at` of the call's clock on."""
        if not self._over:
            self._timeline.agent(at, ulaw)

    def cut(self, at: int) -> None:
        """Nothing that was entered so far for `at` or later has been heard."""
        if not self._over:
            self._timeline.cut(at)

    def permit(self, at: int) -> None:
        """The call may be kept from sample `at` of its clock on, on both sides."""
        if self._over or self._permitted:
            return
        self._permitted = True
        self._timeline.mute(at)
        self._thread.start()

    def discard(self) -> None:
        """Nothing may be kept: what has been written is deleted, what has not never will be. May be repeated."""
        if self._discarded:
            return
        self._discarded = True
        if not self._over:
            self._finish()
        self._timeline = Timeline(self.counters)
        if self._permitted:
            self._thread = threading.Thread(target=self._delete, args=(self._thread,), name="discard", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """The call is over. Returns at once; `wait` tells when the file is complete."""
        if self._over:
            return
        if not self._permitted:
            self._over = True
            return
        while (block := self._timeline.take_rest()) is not None:
            self._hand_over(block)
        self._check()
        self._finish()

    def wait(self, timeout_s: float) -> bool:
        """Block until the file is complete, or deleted; false if it is not within `timeout_s`.

        Not for the event loop.
        """
        if self._permitted:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def failure(self) -> str | None:
        """Why the recording ended early, in words; none if it did not. Settled once `wait` has returned true."""
        return self._failure

    def _hand_over(self, block: tuple[bytes, bytes]) -> None:
        if self._failure is not None:
            return
        try:
            self._blocks.put_nowait(block)
        except queue.Full:
            self._failure = f"the disk is more than {MAX_BLOCKS} seconds behind ({self.path})"

    def _check(self) -> None:
        if self._failure is None:
            return
        self._finish()
        self._timeline = Timeline(self.counters)
        self._on_problem(f"The recording ended early, the call went on: {self._failure}.")

    def _finish(self) -> None:
        """Let the thread end. If the queue is full it is not waiting, and needs no entry to wake it."""
        self._over = True
        self._stop.set()
        with suppress(queue.Full):
            self._blocks.put_nowait(None)

    # -- the writing thread

    def _write(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with WavFile(self.path, self._silent, again=self._resumed) as file:
                while (block := self._next()) is not None:
                    file.append(*block)
                    self.counters.blocks_written += 1
        except OSError as error:
            self._failure = f"{error.strerror or error} ({self.path})"

    def _delete(self, writer: threading.Thread) -> None:
        writer.join()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.error("%s must be deleted and cannot be: %s. Delete it by hand.", self.path, error.strerror or error)

    def _next(self) -> tuple[bytes, bytes] | None:
        """The next block, or none once the recording is over and all that was handed over is written."""
        while True:
            if self._discarded or (self._stop.is_set() and self._blocks.empty()):
                return None
            block = self._blocks.get()
            if block is not None:
                return block


class Timeline:
    """Both sides of a call as mu-law, from the first sample that is not final yet. Pure: no thread, no file."""

    def __init__(self, counters: RecordingCounters, *, base: int = 0, lag: int = LAG, block: int = BLOCK) -> None:
        """Begin at sample `base`. A `block` of samples is final once `lag` more of the caller's have come."""
        self._counters = counters
        self._base, self._lag, self._block = base, lag, block
        self._muted_until = 0
        self._left = bytearray()
        self._right = bytearray()

    @property
    def now(self) -> int:
        """Samples of the caller so far."""
        return self._base + len(self._left)

    def caller(self, ulaw: bytes) -> None:
        """See `Recording.caller`."""
        self._left += ulaw

    def agent(self, at: int, ulaw: bytes) -> None:
        """See `Recording.agent`. What is final already, or too far ahead, is dropped and counted."""
        late = min(max(0, self._base - at), len(ulaw))
        surplus = min(max(0, at + len(ulaw) - (self.now + AHEAD)), len(ulaw) - late)
        self._counters.late += late
        self._counters.too_far_ahead += surplus
        piece = ulaw[late : len(ulaw) - surplus]
        if not piece:
            return
        start = at + late - self._base
        self._right += _SILENCE * (start - len(self._right))
        self._right[start : start + len(piece)] = piece

    def cut(self, at: int) -> None:
        """See `Recording.cut`."""
        self._counters.late += max(0, self._base - at)
        del self._right[max(0, at - self._base) :]

    def mute(self, until: int) -> None:
        """Both sides are silence before sample `until`."""
        self._muted_until = until

    def take_final(self) -> tuple[bytes, bytes] | None:
        """One block that nothing can change any more, or none yet."""
        if len(self._left) < self._lag + self._block:
            return None
        return self._take(self._block)

    def take_rest(self) -> tuple[bytes, bytes] | None:
        """At the end: the next block up to the caller's last sample. What the agent had beyond it was not heard."""
        return self._take(min(self._block, len(self._left))) if self._left else None

    def _take(self, samples: int) -> tuple[bytes, bytes]:
        left, right = bytes(self._left[:samples]), bytes(self._right[:samples])
        del self._left[:samples]
        del self._right[:samples]
        right += _SILENCE * (samples - len(right))
        muted = min(max(0, self._muted_until - self._base), samples)
        self._base += samples
        return _SILENCE * muted + left[muted:], _SILENCE * muted + right[muted:]


class WavFile:
    """A stereo WAV file, 16 bit, 8 kHz, whose header tells the truth after each block."""

    def __init__(self, path: Path, silent: int = 0, *, again: bool = False) -> None:
        """Create the file, readable by its owner alone: it holds what a caller said. `silent` samples come first;
        `again` leaves in their place what the file holds already.
        """
        emptied = 0 if again else os.O_TRUNC
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | emptied | os.O_CLOEXEC, 0o600)
        self._data_bytes = silent * _FRAME_BYTES  # a hole in the file, which reads as zeros

    def __enter__(self) -> WavFile:
        """Write the header of a recording of which nothing is written."""
        self._write_header()
        os.ftruncate(self._fd, HEADER_BYTES + self._data_bytes)
        return self

    def __exit__(self, *_: object) -> None:
        """Close. Bytes behind what the header counts, which a full disk may leave, are cut off."""
        try:
            os.ftruncate(self._fd, HEADER_BYTES + self._data_bytes)
        finally:
            os.close(self._fd)

    def append(self, left_ulaw: bytes, right_ulaw: bytes) -> None:
        """Add as many samples of either side, mu-law, as the other side has. Raises `OSError` as the disk does."""
        frames = np.empty((len(left_ulaw), 2), "<i2")
        frames[:, 0] = mulaw.decode(left_ulaw)
        frames[:, 1] = mulaw.decode(right_ulaw)
        _write_all(self._fd, frames.tobytes(), HEADER_BYTES + self._data_bytes)
        self._data_bytes += frames.nbytes
        self._write_header()

    def _write_header(self) -> None:
        _write_all(self._fd, wav_header(self._data_bytes), 0)


def wav_header(data_bytes: int) -> bytes:
    """The 44 bytes of RIFF/WAVE (PCM, two channels, 16 bit, 8 kHz) before `data_bytes` of samples."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        HEADER_BYTES - 8 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        2,
        PHONE_RATE,
        PHONE_RATE * _FRAME_BYTES,
        _FRAME_BYTES,
        16,
        b"data",
        data_bytes,
    )


def _write_all(fd: int, data: bytes, offset: int) -> None:
    """`os.pwrite` until all is written: a disk with little room takes a part first, and raises at the next attempt."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, offset)
        rest, offset = rest[written:], offset + written
