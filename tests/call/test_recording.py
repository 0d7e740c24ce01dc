"""The stereo recording equals what was heard, whatever order its parts come in and whatever the disk does."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.audio import mulaw
from bridge.call.recording import (
    AHEAD,
    BLOCK,
    HEADER_BYTES,
    LAG,
    MAX_BLOCKS,
    Recording,
    RecordingCounters,
    Timeline,
    WavFile,
    wav_header,
)

SILENCE = 0xFF
WAIT_S = 20.0


def no_problem(what: str) -> None:
    raise AssertionError(what)


def voice(samples: int, seed: int) -> bytes:
    """Mu-law noise without silent samples, so that a misplaced one shows."""
    return np.random.default_rng(seed).integers(0, 0x70, samples).astype(np.uint8).tobytes()


def kept(path: Path, on_problem: Callable[[str], None]) -> Recording:
    """A recording that is permitted from the call's first sample on."""
    recording = Recording(path, on_problem)
    recording.permit(0)
    return recording


def channels(path: Path) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return frames[:, 0], frames[:, 1]


# -- against a whole-signal reference

Step = tuple[str, int, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("caller"), st.just(0), st.integers(0, 3 * BLOCK)),
        st.tuples(st.just("agent"), st.integers(-LAG - 3 * BLOCK, 3 * BLOCK), st.integers(0, BLOCK)),
        st.tuples(st.just("agent"), st.integers(AHEAD - BLOCK, AHEAD + BLOCK), st.integers(0, BLOCK)),
        st.tuples(st.just("cut"), st.integers(-LAG - 3 * BLOCK, 3 * BLOCK), st.just(0)),
    ),
    max_size=25,
)


def reference(todo: list[Step]) -> tuple[bytes, bytes]:
    """Two arrays as long as the whole call. What lies before `final`, or beyond `AHEAD`, cannot be changed."""
    left = b""
    right = np.full(200 * BLOCK, SILENCE, np.uint8)
    final = 0
    for number, (what, offset, samples) in enumerate(todo):
        at = len(left) + offset
        if what == "caller":
            left += voice(samples, number)
            final = max(final, max(0, len(left) - LAG) // BLOCK * BLOCK)
        elif what == "agent":
            piece = np.frombuffer(voice(samples, number), np.uint8)
            first, last = max(at, final), min(at + samples, len(left) + AHEAD)
            if last > first:
                right[first:last] = piece[first - at : last - at]
        else:
            right[max(at, final) :] = SILENCE
    return left, right[: len(left)].tobytes()


@settings(deadline=None)
@given(steps)
def test_the_timeline_equals_a_whole_signal_reference(todo: list[Step]) -> None:
    timeline = Timeline(RecordingCounters())
    left = right = b""
    for number, (what, offset, samples) in enumerate(todo):
        if what == "caller":
            timeline.caller(voice(samples, number))
        elif what == "agent":
            timeline.agent(timeline.now + offset, voice(samples, number))
        else:
            timeline.cut(timeline.now + offset)
        while (block := timeline.take_final()) is not None:
            left, right = left + block[0], right + block[1]
    while (block := timeline.take_rest()) is not None:
        left, right = left + block[0], right + block[1]
    assert (left, right) == reference(todo)


def test_audio_that_comes_too_late_or_too_early_is_counted() -> None:
    counters = RecordingCounters()
    timeline = Timeline(counters)
    timeline.caller(voice(LAG + 2 * BLOCK, 0))
    while timeline.take_final():
        pass
    timeline.agent(2 * BLOCK - 100, voice(160, 1))
    timeline.agent(timeline.now + AHEAD - 60, voice(160, 2))
    assert (counters.late, counters.too_far_ahead) == (100, 100)


# -- on the disk


def test_caller_is_left_and_agent_is_right_aligned_to_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "calls" / "2026-01-31" / "call.wav"
    recording = kept(path, no_problem)
    caller, agent = voice(5 * BLOCK + 77, 1), voice(4000, 2)
    for at in range(0, len(caller), 160):
        if at == 1600:
            recording.agent(2000, agent)
        if at == 3200:
            recording.cut(3333)
        recording.caller(caller[at : at + 160])
    recording.close()
    assert recording.wait(WAIT_S)
    left, right = channels(path)
    assert np.array_equal(left, mulaw.decode(caller))
    expected = np.zeros(len(caller), np.int16)
    expected[2000:3333] = mulaw.decode(agent)[:1333]
    assert np.array_equal(right, expected)
    assert recording.failure is None


def test_what_the_agent_had_left_when_the_caller_hung_up_was_not_heard(tmp_path: Path) -> None:
    recording = kept(tmp_path / "call.wav", no_problem)
    recording.caller(voice(800, 1))
    recording.agent(0, voice(8000, 2))
    recording.close()
    recording.close()
    recording.caller(voice(800, 1))
    recording.agent(0, voice(800, 1))
    recording.cut(0)
    assert recording.wait(WAIT_S)
    left, right = channels(tmp_path / "call.wav")
    assert len(left) == len(right) == 800


def test_a_recording_without_audio_is_a_valid_file(tmp_path: Path) -> None:
    recording = kept(tmp_path / "call.wav", no_problem)
    recording.close()
    assert recording.wait(WAIT_S)
    assert len(channels(tmp_path / "call.wav")[0]) == 0


def test_only_its_owner_may_read_a_recording(tmp_path: Path) -> None:
    recording = kept(tmp_path / "calls" / "call.wav", no_problem)
    recording.close()
    assert recording.wait(WAIT_S)
    assert (tmp_path / "calls" / "call.wav").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "calls").stat().st_mode & 0o777 == 0o700


def test_the_header_is_that_of_the_standard_library(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "reference.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(400))
    assert (tmp_path / "reference.wav").read_bytes() == wav_header(400) + bytes(400)


def test_a_killed_process_leaves_a_valid_file_that_lacks_its_last_seconds_at_most(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from bridge.call.recording import BLOCK, LAG, Recording
        recording = Recording(Path(sys.argv[1]), print)
        recording.permit(0)
        recording.caller(bytes([0x55]) * (LAG + 7 * BLOCK))
        while recording.counters.blocks_written < 7:
            recording.wait(0.01)
        print("written", flush=True)
        sys.stdin.read()
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    left, right = channels(path)
    assert len(left) == 7 * BLOCK
    assert set(left.tolist()) == {int(mulaw.decode(b"\x55")[0])}
    assert not right.any()


# -- a caller who has not been told yet, or refuses


def test_nothing_is_kept_before_the_permission_and_the_clock_stays_the_calls(tmp_path: Path) -> None:
    path = tmp_path / "calls" / "call.wav"
    recording = Recording(path, no_problem)
    caller, agent = voice(9 * BLOCK, 1), voice(6 * BLOCK, 2)
    recording.caller(caller[: 5 * BLOCK])
    recording.agent(4 * BLOCK, agent)
    assert not path.parent.exists()
    recording.permit(5 * BLOCK + 100)
    recording.permit(0)
    recording.caller(caller[5 * BLOCK :])
    recording.close()
    assert recording.wait(WAIT_S)
    left, right = channels(path)
    begin = 5 * BLOCK + 100
    assert len(left) == 9 * BLOCK
    assert not left[:begin].any()
    assert not right[:begin].any()
    assert np.array_equal(left[begin:], mulaw.decode(caller[begin:]))
    assert np.array_equal(right[begin:], mulaw.decode(agent)[begin - 4 * BLOCK : 5 * BLOCK])


def test_a_call_that_ends_before_the_permission_leaves_no_file(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "calls" / "call.wav", no_problem)
    recording.caller(voice(9 * BLOCK, 1))
    recording.close()
    recording.permit(0)
    assert recording.wait(WAIT_S)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_begins_late_is_valid_from_its_first_moment(tmp_path: Path) -> None:
    with WavFile(tmp_path / "call.wav", silent=BLOCK):
        left, right = channels(tmp_path / "call.wav")
    assert len(left) == BLOCK
    assert not left.any()
    assert not right.any()


@pytest.mark.parametrize("seconds", [0, 9])
def test_a_recording_that_is_refused_is_deleted_and_takes_no_more(tmp_path: Path, seconds: int) -> None:
    path = tmp_path / "call.wav"
    recording = kept(path, no_problem)
    recording.caller(voice(seconds * BLOCK, 1))
    while seconds and not recording.counters.blocks_written:
        recording.wait(0.01)
    recording.discard()
    recording.discard()
    recording.caller(voice(9 * BLOCK, 1))
    recording.close()
    assert recording.wait(WAIT_S)
    assert not path.exists()


def test_a_recording_that_a_full_disk_had_ended_is_deleted_all_the_same(tmp_path: Path) -> None:
    problems: list[str] = []
    recording = kept(tmp_path / "call.wav", problems.append)
    with file_size_limit(HEADER_BYTES + 3 * 4 * BLOCK + 1000):
        fill(recording, 8, lambda: bool(problems))
    recording.discard()
    assert recording.wait(WAIT_S)
    assert not (tmp_path / "call.wav").exists()


def test_a_caller_who_refuses_before_the_permission_is_never_recorded(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav", no_problem)
    recording.caller(voice(BLOCK, 1))
    recording.discard()
    recording.permit(0)
    recording.caller(voice(9 * BLOCK, 1))
    recording.close()
    assert recording.wait(WAIT_S)
    assert list(tmp_path.iterdir()) == []


# -- a disk that fails


def fill(recording: Recording, blocks: int, until: Callable[[], bool]) -> None:
    """Feed packets, waiting for the writing thread where it must have seen them."""
    for _ in range(blocks):
        recording.caller(voice(BLOCK, 3))
    for _ in range(2000):
        if until():
            return
        recording.wait(0.01)
        recording.caller(b"")
    raise AssertionError("the writing thread did not come to an end")


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Files of this process may not grow beyond `size`, as if the disk were full (EFBIG instead of ENOSPC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_ends_the_recording_with_a_problem_and_keeps_what_was_written(tmp_path: Path) -> None:
    problems: list[str] = []
    recording = kept(tmp_path / "call.wav", problems.append)
    with file_size_limit(HEADER_BYTES + 3 * 4 * BLOCK + 1000):
        fill(recording, 8, lambda: bool(problems))
        assert recording.wait(WAIT_S)
    left, _ = channels(tmp_path / "call.wav")
    assert len(left) == 3 * BLOCK
    assert (tmp_path / "call.wav").stat().st_size == HEADER_BYTES + 3 * 4 * BLOCK
    assert len(problems) == 1
    assert "the call went on" in problems[0]
    assert os.strerror(27) in problems[0]
    recording.caller(voice(BLOCK, 1))
    recording.close()
    assert len(problems) == 1


def test_a_folder_that_cannot_be_made_ends_the_recording_with_a_problem(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a file where the folder should be")
    problems: list[str] = []
    recording = kept(tmp_path / "calls" / "call.wav", problems.append)
    fill(recording, 1, lambda: bool(problems))
    assert recording.wait(WAIT_S)
    assert len(problems) == 1


def test_a_disk_that_takes_nothing_for_half_a_minute_ends_the_recording(tmp_path: Path) -> None:
    problems: list[str] = []
    fifo = tmp_path / "call.wav"
    os.mkfifo(fifo)  # opening it for writing blocks until somebody reads
    recording = kept(fifo, problems.append)
    recording.caller(voice(LAG + MAX_BLOCKS * BLOCK, 1))
    assert problems == []
    recording.caller(voice(BLOCK, 1))
    assert len(problems) == 1
    assert f"{MAX_BLOCKS} seconds behind" in problems[0]
    threading.Thread(target=lambda: fifo.read_bytes(), daemon=True).start()
    assert recording.wait(WAIT_S)
