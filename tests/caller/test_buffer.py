"""The playout buffer, against the plainest description of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.caller.buffer import MAX_BUFFERED, MAX_MARKS, PlayoutBuffer

Act = tuple[str, int]
acts = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 900)),
        st.tuples(st.just("mark"), st.just(0)),
        st.tuples(st.just("step"), st.integers(1, 6)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=40,
)


@given(acts)
def test_audio_keeps_its_order_and_marks_come_back_exactly_when_they_are_due(script: list[Act]) -> None:
    buffer = PlayoutBuffer()
    waiting: list[str | int] = []  # sample values and mark names, in the order in which they were sent
    playing: list[int] = []
    sent = marks = 0
    for act, count in script:
        if act == "put":
            samples = [(sent + n) % 251 for n in range(count)]
            sent += count
            buffer.put(bytes(samples))
            waiting += samples
        elif act == "mark":
            name = f"m{marks}"
            marks += 1
            at_once = not waiting and not playing
            assert buffer.mark(name) == ([name] if at_once else [])
            waiting += [] if at_once else [name]
        elif act == "clear":
            assert buffer.clear() == [one for one in waiting if isinstance(one, str)]
            waiting = []
        else:
            for _ in range(count):
                due, piece = buffer.step()
                expected_due: list[str | int] = []
                while waiting and isinstance(waiting[0], str):
                    expected_due.append(waiting.pop(0))
                playing = []
                later: list[str | int] = []
                while waiting and len(playing) < 160:
                    one = waiting.pop(0)
                    if isinstance(one, int):
                        playing.append(one)
                    else:
                        later.append((len(playing), one))  # type: ignore[arg-type]
                # Marks inside the packet that is being played come back with the next step.
                waiting = [name for _, name in later] + waiting  # type: ignore[misc]
                assert due == expected_due
                assert list(piece) == playing
    assert buffer.pending == sum(isinstance(one, int) for one in waiting)


def test_a_mark_inside_a_packet_waits_for_its_end() -> None:
    buffer = PlayoutBuffer()
    buffer.put(b"a" * 100)
    assert buffer.mark("one") == []
    assert buffer.step() == ([], b"a" * 100)
    assert buffer.mark("two") == []
    assert buffer.step() == (["one", "two"], b"")


def test_audio_ten_minutes_ahead_is_dropped_and_counted() -> None:
    buffer = PlayoutBuffer()
    buffer.put(bytes(MAX_BUFFERED - 10))
    buffer.put(bytes(30))
    assert (buffer.pending, buffer.dropped) == (MAX_BUFFERED, 20)


def test_marks_without_end_are_dropped_and_counted() -> None:
    buffer = PlayoutBuffer()
    buffer.put(bytes(160))
    for number in range(MAX_MARKS + 3):
        buffer.mark(str(number))
    assert buffer.dropped_marks == 3
    assert len(buffer.clear()) == MAX_MARKS
