"""The engine process, run for real over a real socket pair: collect, step, deliver."""

import contextlib
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bridge.engine import messages
from bridge.engine.echo.engine import EchoEngine
from bridge.engine.worker import Link, Worker
from bridge.facts.ticks import Ticks
from bridge.persona.schema import Persona

PERSONA = Persona(
    name="shop", business="A Shop", description="a shop", agent_name="Ada", greeting="Hello.", refusal="I can't say."
)


class Peer:
    """The server's end of the socket, blocking, for tests."""

    def __init__(self, sock):
        self.socket = sock
        self.socket.settimeout(30)
        self.buffer = b""

    def send(self, *parcel):
        self.socket.sendall(b"".join(messages.pack(message) for message in parcel))

    def receive(self):
        while True:
            if len(self.buffer) >= 4:
                (length,) = messages.HEADER.unpack_from(self.buffer)
                if len(self.buffer) >= 4 + length:
                    body, self.buffer = self.buffer[4 : 4 + length], self.buffer[4 + length :]
                    return messages.from_engine.decode(body)
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError
            self.buffer += data

    def receive_one(self, kind):
        for _ in range(30):  # signs of life come each second: this is a bound of time as well
            if isinstance(message := self.receive(), kind):
                return message
        raise AssertionError(f"no {kind.__name__} came")


@contextlib.contextmanager
def engine_process(configuration):
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge.engine.worker", str(theirs.fileno())], pass_fds=[theirs.fileno()]
    )
    theirs.close()
    peer = Peer(ours)
    try:
        peer.send(configuration)
        yield peer, process
    finally:
        ours.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def echo():
    with engine_process(messages.Configure("echo", slots=2)) as (peer, _):
        assert peer.receive_one(messages.Ready).capacity == 2
        peer.send(messages.Prepare("key", PERSONA.model_dump_json()))
        assert peer.receive_one(messages.Prepared) == messages.Prepared("key", "")
        yield peer


def frame(occupant, number):
    return messages.CallerFrame(occupant, number, np.full(1920, occupant + number / 100, np.float32).tobytes())


def test_each_frame_is_answered_by_the_one_before(echo):
    echo.send(messages.Open(7, "key", seed=1))
    assert echo.receive_one(messages.Opened) == messages.Opened(7, "")
    sent = [frame(7, number) for number in range(5)]
    echo.send(*sent)
    answers = [echo.receive_one(messages.Answer) for _ in sent]
    assert [answer.number for answer in answers] == [0, 1, 2, 3, 4]
    assert [answer.frame.pcm for answer in answers] == [b"", *(message.pcm for message in sent[:-1])]


def test_a_slot_holds_nothing_of_its_former_call(echo):
    echo.send(messages.Open(1, "key", 1), messages.Open(2, "key", 1), frame(1, 0), frame(2, 0))
    assert {echo.receive_one(messages.Answer).occupant for _ in range(2)} == {1, 2}
    echo.send(messages.Close(1), messages.Open(3, "key", 1), frame(3, 0))
    answer = echo.receive_one(messages.Answer)
    assert (answer.occupant, answer.frame.pcm) == (3, b"")


def test_a_call_beyond_the_slots_is_refused_in_words(echo):
    echo.send(*(messages.Open(occupant, "key", 1) for occupant in (1, 2, 3)))
    opened = [echo.receive_one(messages.Opened) for _ in range(3)]
    assert [message.error for message in opened] == ["", "", "every slot is taken"]


def test_a_persona_that_was_not_prepared_is_refused_in_words(echo):
    echo.send(messages.Open(1, "unknown", 1))
    assert echo.receive_one(messages.Opened).error == "this persona has not been prepared"


def test_a_key_that_was_forgotten_seats_nobody_and_leaves_those_who_sit(echo):
    echo.send(messages.Open(1, "key", 1), messages.Forget("key"), messages.Open(2, "key", 1), frame(1, 0))
    assert [echo.receive_one(messages.Opened).error for _ in range(2)] == ["", "this persona has not been prepared"]
    assert echo.receive_one(messages.Answer).occupant == 1


def test_frames_of_a_call_that_is_over_are_dropped(echo):
    echo.send(messages.Open(1, "key", 1), messages.Close(1), frame(1, 0), messages.Open(2, "key", 1), frame(2, 0))
    assert echo.receive_one(messages.Answer).occupant == 2


def test_a_persona_that_is_none_is_reported_and_the_engine_lives_on(echo):
    echo.send(messages.Prepare("broken", "{}"))
    assert "ValidationError" in echo.receive_one(messages.Prepared).error
    echo.send(messages.Open(1, "key", 1), frame(1, 0))
    assert echo.receive_one(messages.Answer).occupant == 1


def test_it_shows_signs_of_life_each_second(echo):
    first, second = echo.receive_one(messages.Beat), echo.receive_one(messages.Beat)
    assert second.cpu_seconds >= first.cpu_seconds
    assert second.rss_bytes > 1 << 20


def test_the_process_ends_with_its_server():
    with engine_process(messages.Configure("echo")) as (peer, process):
        peer.receive_one(messages.Ready)
        peer.socket.close()
        assert process.wait(10) == 0


def test_an_engine_that_does_not_exist_is_told_in_words():
    with engine_process(messages.Configure("nothing")) as (peer, process):
        ready = peer.receive_one(messages.Ready)
        assert "no engine called 'nothing'" in ready.details["error"]
        assert process.wait(10) == 1


@pytest.fixture(scope="module")
def personaplex():
    """The PersonaPlex engine with the tiny model, four slots and a persona under "key"."""
    pytest.importorskip("torch", reason="the personaplex engine needs torch")
    tiny = Path(__file__).parent / "personaplex" / "tiny"
    settings = messages.Configure("personaplex", slots=4, model_dir=str(tiny), device="cpu", caller_transcript=False)
    with engine_process(settings) as (peer, _):
        assert peer.receive_one(messages.Ready).capacity == 4
        peer.send(messages.Prepare("key", MODEL_PERSONA.model_dump_json()))
        assert peer.receive_one(messages.Prepared) == messages.Prepared("key", "")
        yield peer


MODEL_PERSONA = PERSONA.model_copy(update={"voice": "GOLD0"})


def test_calls_of_an_engine_with_a_tick_are_stepped_together(personaplex):
    peer, calls, frames = personaplex, (1, 2, 3, 4), 6
    before = peer.receive_one(messages.Beat)
    peer.send(*(messages.Open(call, "key", seed=1) for call in calls))
    peer.send(*(frame(call, number) for number in range(frames) for call in calls))
    answers = [peer.receive_one(messages.Answer) for _ in range(frames * len(calls))]
    for call in calls:
        assert [answer.number for answer in answers if answer.occupant == call] == list(range(frames))
    assert all(len(answer.frame.pcm) == 4 * 1920 for answer in answers)
    beat = peer.receive_one(messages.Beat)
    assert frames <= beat.steps - before.steps <= 2 * frames
    assert beat.dropped_frames == before.dropped_frames
    peer.send(*(messages.Close(call) for call in calls))


class Caller:
    """A call whose sound is noise that its seed names: the same is said to it, whoever else there is."""

    def __init__(self, peer, occupant, key="key", seed=1):
        self.occupant, self.heard = occupant, []
        self._peer, self._noise = peer, np.random.default_rng(seed)
        peer.send(messages.Open(occupant, key, seed=seed))

    def speak(self):
        pcm = (self._noise.normal(size=1920) * self._noise.uniform(0.01, 0.3)).astype(np.float32)
        self._peer.send(messages.CallerFrame(self.occupant, len(self.heard), pcm.tobytes(), time.monotonic()))


def converse(peer, *callers):
    """Each says a frame and hears the answer to it; the keys of personas that were prepared meanwhile."""
    by_number, prepared = {caller.occupant: caller for caller in callers}, []
    for caller in callers:
        caller.speak()
    while by_number:
        match peer.receive():
            case messages.Answer(occupant, _, answer):
                by_number.pop(occupant).heard.append(answer)
            case messages.Prepared(key, error):
                assert not error
                prepared.append(key)
            case messages.Opened(_, error):
                assert not error
    return prepared


def test_what_a_call_hears_does_not_depend_on_neighbours_who_join_stall_and_leave(personaplex):
    """Through the engine process with its threads: another persona is prepared beside the ticks as well."""
    peer, frames = personaplex, 30
    alone = Caller(peer, 11)
    for _ in range(frames):
        converse(peer, alone)
    peer.send(messages.Close(alone.occupant))

    other = MODEL_PERSONA.model_copy(update={"name": "other", "description": "another shop", "greeting": "Yes?"})
    chance, occupants, neighbours, keys = random.Random(5), iter(range(21, 100)), {}, ["key"]
    among = Caller(peer, 12)
    for number in range(frames):
        if number == 5:
            peer.send(messages.Prepare("other", other.model_dump_json()))
        for seat in range(3):
            if seat not in neighbours and chance.random() < 0.4:
                neighbours[seat] = Caller(peer, occupant := next(occupants), chance.choice(keys), seed=occupant)
            elif seat in neighbours and chance.random() < 0.15:
                peer.send(messages.Close(neighbours.pop(seat).occupant))
        keys += converse(peer, *(one for one in neighbours.values() if chance.random() < 0.8), among)
    peer.send(*(messages.Close(one.occupant) for one in [among, *neighbours.values()]))

    assert next(occupants) > 30  # there was some coming and going
    assert keys == ["key", "other"]
    assert [frame.text for frame in among.heard] == [frame.text for frame in alone.heard]
    assert len({frame.text for frame in alone.heard}) > 4
    assert len({frame.pcm for frame in alone.heard}) == frames
    for one, two in zip(alone.heard, among.heard, strict=True):
        assert np.allclose(np.frombuffer(one.pcm, np.float32), np.frombuffer(two.pcm, np.float32), atol=1e-4)


@contextlib.contextmanager
def worker_thread(engine, ticks):
    """The process's main loop in a thread of its own, for an engine that only a test has."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=Worker(engine, Link(theirs), ticks).run)
    thread.start()
    peer = Peer(ours)
    peer.receive_one(messages.Beat)
    peer.send(messages.Prepare("key", PERSONA.model_dump_json()))
    peer.receive_one(messages.Prepared)
    try:
        yield peer
    finally:
        ours.close()
        thread.join(10)
        theirs.close()
        assert not thread.is_alive()


class Slow(EchoEngine):
    """An echo whose every step takes longer than the period of its ticks."""

    def step(self, frames):
        time.sleep(0.02)
        return super().step(frames)


def test_two_late_steps_in_a_row_are_told_at_once():
    ticks = Ticks(time.monotonic(), 0.01)
    with worker_thread(Slow(slots=4), ticks) as peer:
        peer.send(*(messages.Open(call, "key", seed=1) for call in (1, 2, 3)))
        peer.send(*(frame(1, number) for number in range(2)))
        for _ in range(2):
            peer.receive_one(messages.Answer)
        beat = peer.receive()  # nothing comes between
        assert (beat.shedding, beat.limit, beat.late_ticks) == (True, 4, 2)
        assert beat.steps == sum(beat.step_counts) == 2
        assert sum(beat.wait_counts) == 2


def test_a_call_that_memory_cannot_be_promised_to_is_refused_and_told_and_the_others_go_on():
    torch = pytest.importorskip("torch")
    from bridge.engine.personaplex.engine import PersonaPlexEngine
    from bridge.engine.personaplex.model import load_model

    torch.set_num_threads(1)
    tiny = Path(__file__).parent / "personaplex" / "tiny"
    engine = PersonaPlexEngine(load_model(tiny), 4, model_dir=tiny, most_pages=9)
    with worker_thread(engine, Ticks(time.monotonic(), 0.08)) as peer:
        peer.send(messages.Prepare("model", MODEL_PERSONA.model_dump_json()))
        assert peer.receive_one(messages.Prepared).error == ""
        peer.send(messages.Open(1, "model", seed=1), messages.Open(2, "model", seed=2), frame(1, 0))
        assert peer.receive_one(messages.Opened).error == ""
        assert "no memory for a further call" in peer.receive_one(messages.Opened).error
        assert len(peer.receive_one(messages.Answer).frame.pcm) == 4 * 1920
        beat = peer.receive_one(messages.Beat)
        assert beat.memory_calls == 1
        assert 0 < beat.kv_used_bytes <= beat.kv_reserved_bytes
        peer.send(messages.Close(1), messages.Open(3, "model", seed=3))
        assert peer.receive_one(messages.Opened).error == ""
