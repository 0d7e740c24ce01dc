import time

import numpy as np
import pytest

from bridge.audio import mulaw
from bridge.audio.resample import Resampler
from bridge.engine.cascade.engine import CascadeEngine
from bridge.engine.interface import Engine, Seat
from bridge.facts.errors import EngineError, EngineFullError
from bridge.persona.ad_hoc import ad_hoc
from bridge.persona.schema import BlockedTopic, Fact

SILENCE = np.zeros(1920, np.float32)


@pytest.fixture(scope="module")
def engine():
    engine = CascadeEngine(slots=4)
    yield engine
    engine.shutdown()


@pytest.fixture(scope="module")
def other(make_persona):
    return make_persona(
        name="bakery",
        greeting="Corner Bakery, hello!",
        facts=(Fact(ask=("What are your opening hours?",), answer="We bake until noon."),),
    )


def frames_of(samples):
    return np.concatenate((samples, np.zeros(-len(samples) % 1920, np.float32))).reshape(-1, 1920)


def said(frames):
    return "".join(frame.text for frame in frames).strip()


def paced(frames):
    """Frames as a telephone gives them: one each 80 ms."""
    begin = time.monotonic()
    for number, frame in enumerate(frames):
        time.sleep(max(0.0, begin + number * 0.08 - time.monotonic()))
        yield frame


def was_answered(frames):
    return frames[-1].turn == 2 and not frames[-1].agent_speaking


def test_it_is_an_engine(engine):
    driven: Engine = engine
    assert driven.name == "cascade"
    assert driven.capacity == 4


def test_each_stepped_slot_gets_one_frame_of_1920_samples_or_none(engine, persona):
    engine.open(0, Seat(persona))
    engine.open(1, Seat(persona))
    answers = engine.step({0: SILENCE})
    assert list(answers) == [0]
    assert len(np.frombuffer(answers[0].pcm, np.float32)) == 1920
    for _ in range(120):
        answers = engine.step({0: SILENCE, 1: SILENCE})
    assert sorted(answers) == [0, 1]
    assert answers[0].pcm == b""


def test_a_slot_beyond_the_last_is_refused(engine, persona):
    with pytest.raises(EngineFullError, match="4 slots"):
        engine.open(4, Seat(persona))


def test_a_slot_in_new_hands_knows_nothing_of_the_call_before(engine, persona, other, clip_24k):
    engine.prepare(other)
    engine.open(2, Seat(persona))
    for frame in frames_of(clip_24k("u02")):
        engine.step({2: frame})
    engine.close(2)
    engine.open(2, Seat(other))
    frames = [engine.step({2: SILENCE})[2] for _ in range(60)]
    assert said(frames) == other.greeting
    assert not any(frame.caller or frame.flush for frame in frames)


def test_a_line_outside_a_call_is_rendered_for_the_telephone(engine, tools):
    ulaw = engine.render("We are sorry. Please call again later.", "en")
    assert 2 < len(ulaw) / 8000 < 6
    heard = tools.recogniser.recognise(Resampler(2, 1).process(mulaw.decode_float(ulaw)))
    assert "call again later" in heard
    assert engine.render("", "en") == b""


def test_a_persona_in_a_language_that_is_not_understood_is_warned_of(engine, make_persona, caplog):
    engine.prepare(make_persona(name="bar", language="it", greeting="Buongiorno!"))
    assert "persona bar: the cascade engine understands English, not it" in caplog.text


def test_a_blocked_phrase_that_cannot_be_matched_is_reported_with_its_persona(engine, make_persona):
    with pytest.raises(EngineError, match="Persona practice, blocked"):
        engine.prepare(make_persona(blocked=(BlockedTopic(topic="x", words=("a*b",)),)))


@pytest.mark.slow
def test_calls_at_once_are_answered_in_real_time_each_by_its_own_persona(engine, persona, other, clip_24k):
    engine.prepare(persona)
    engine.prepare(other)
    seats = {0: persona, 1: other, 2: persona, 3: other}
    for slot, seated in seats.items():
        engine.open(slot, Seat(seated))
    heard = {slot: [] for slot in seats}
    for frame in paced([SILENCE] * 70 + list(frames_of(clip_24k("u02"))) + [SILENCE] * 250):
        for slot, answer in engine.step(dict.fromkeys(seats, frame)).items():
            heard[slot].append(answer)
        if len(heard[0]) > 130 and all(was_answered(frames) for frames in heard.values()):
            break
    for slot, seated in seats.items():
        assert said(heard[slot][:70]) == seated.greeting
        assert said(heard[slot][70:]) == seated.facts[0].answer


def test_a_persona_of_one_call_greets_nobody_and_is_forgotten_once_it_is_seated(engine):
    own = ad_hoc("You enjoy having a good conversation.")
    engine.prepare(own, once=True)
    assert engine._once.values()
    engine.open(0, Seat(own, once=True))
    frames = [engine.step({0: SILENCE})[0] for _ in range(8)]
    engine.close(0)
    assert said(frames) == ""
    assert not any(frame.agent_speaking for frame in frames)
    assert not engine._once.values()
    assert own not in engine._openings


def test_a_persona_of_one_call_whose_preparation_made_room_is_seated_all_the_same(engine):
    own = ad_hoc("Be kind.")
    engine.open(1, Seat(own, once=True))
    assert engine.step({1: SILENCE})[1].turn == 1
    engine.close(1)
    assert own not in engine._openings
