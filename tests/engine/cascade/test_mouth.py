import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.cascade.mouth import Mouth, Utterance, place_words
from bridge.engine.cascade.voice import Line
from bridge.facts.speech import Verdict
from bridge.gate.rules import compile_rules
from bridge.gate.topic import TopicGate
from bridge.persona.schema import AfterRefusals

GATE = TopicGate(compile_rules(()), "No.", AfterRefusals())


def tone(text, samples, silence=0):
    return Line(text, np.concatenate((np.zeros(silence, np.int16), np.full(samples, 1000, np.int16))))


def drain(mouth):
    frames = []
    while mouth.busy:
        frames.append(mouth.next())
    return frames


lines = st.lists(
    st.builds(
        tone,
        st.lists(st.text("abc", min_size=1, max_size=9), max_size=6).map(" ".join),
        st.integers(0, 9000),
        st.integers(0, 3000),
    ),
    max_size=5,
)


@given(lines)
def test_every_sample_and_every_word_comes_out_once_and_in_order(lines):
    mouth = Mouth()
    for line in lines:
        mouth.add(Utterance(line, GATE))
    frames = drain(mouth)
    sound = np.concatenate([frame.pcm for frame in frames] or [np.zeros(0, np.int16)])
    said = np.concatenate([line.sound for line in lines] or [np.zeros(0, np.int16)])
    assert all(len(frame.pcm) == 1920 for frame in frames)
    assert np.array_equal(sound[: len(said)], said)
    assert not sound[len(said) :].any()
    assert "".join(frame.text for frame in frames).split() == " ".join(line.text for line in lines).split()
    assert [utterance.line for frame in frames for utterance in frame.begun] == lines


def test_a_word_stands_in_the_frame_in_which_its_sound_begins():
    mouth = Mouth()
    mouth.add(Utterance(tone("one two", 2 * 1920, silence=1920), GATE))
    assert [frame.text for frame in drain(mouth)] == ["", " one", " two"]


def test_words_share_the_audible_part_by_their_letters():
    placed = place_words(tone("a bbbbbbb", 1001, silence=500))
    assert placed == [(500, " a"), (700, " bbbbbbb")]


def test_a_wish_stands_on_the_frame_that_ends_its_line():
    mouth = Mouth()
    mouth.add(Utterance(tone("bye", 1920 * 2 + 1), GATE, wish="hangup"))
    assert [frame.wish for frame in drain(mouth)] == [None, None, "hangup"]


def test_a_wish_without_words_comes_at_once():
    mouth = Mouth()
    mouth.add(Utterance(tone("", 0), GATE, wish="transfer"))
    assert mouth.next().wish == "transfer"
    assert not mouth.busy


def test_what_was_stopped_can_be_said_again_from_its_sentence():
    mouth = Mouth()
    verdict = Verdict("x", "topic", "caller", "refuse", 0)
    first, second = Utterance(tone("one", 4000), GATE, verdict=verdict), Utterance(tone("two", 4000), GATE)
    mouth.add(first)
    mouth.add(second)
    mouth.next()
    unsaid = mouth.stop()
    assert not mouth.busy
    assert [utterance.line for utterance in unsaid] == [first.line, second.line]
    assert unsaid[0].verdict is None, "a verdict that was reported must not be reported again"


def test_silence_is_empty():
    assert len(Mouth().next().pcm) == 0
