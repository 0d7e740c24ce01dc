"""A telephone for one slot of the cascade engine: real audio in, real models, and no clock."""

import wave
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from bridge.audio.resample import Resampler
from bridge.engine import weights
from bridge.engine.cascade.answer import learn_intents
from bridge.engine.cascade.engine import load_tools
from bridge.engine.cascade.opening import make_opening
from bridge.engine.cascade.slot import Slot
from bridge.engine.cascade.voice import Voice
from bridge.engine.hearing.voice_activity import Silero
from bridge.engine.interface import Seat
from bridge.persona.schema import AfterRefusals, BlockedTopic, Fact, Persona

CALLERS = Path(__file__).parents[2] / "data" / "callers"
FRAME = 1920

HOURS = "We are open Monday to Friday from 8 a.m. to 6 p.m., and on Saturday from 9 a.m. to 1 p.m."
PARKING = "Yes, there is a free car park behind the building."
ADDRESS = "We are at 14 Elm Street, next to the library."


def make_persona(**changes):
    given = {
        "name": "practice",
        "business": "Elm Street Dental Practice",
        "description": "A dental practice for the whole family.",
        "agent_name": "Anna",
        "greeting": "Elm Street Dental Practice, this is Anna. How can I help you?",
        "facts": (
            Fact(ask=("What are your opening hours?", "When are you open?"), answer=HOURS),
            Fact(ask=("Where are you?", "What is your address?"), answer=ADDRESS),
            Fact(ask=("Is there parking?", "Where can I park?"), answer=PARKING),
        ),
        "information": "The practice was founded in 1987. Children under six are treated free of charge.",
        "blocked": (
            BlockedTopic(
                topic="medication",
                words=("antibiotic*", "painkiller*", "insurance"),
                examples=("Which pills should I take?", "How much ibuprofen may I take?"),
            ),
        ),
        "refusal": "I'm sorry, I can't talk about that. Please ask the dentist.",
        "transfer": "+12025550143",
        "after_refusals": AfterRefusals(count=3, action="transfer", say="I'd better put you through."),
    }
    given.update(changes)
    if given["transfer"] is None:
        given["after_refusals"] = AfterRefusals()
    return Persona(**given)


def frames_of(samples):
    """24 kHz samples as whole frames."""
    padded = np.concatenate((samples, np.zeros(-len(samples) % FRAME, np.float32)))
    return padded.reshape(-1, FRAME)


def clip_8k(name):
    with wave.open(str(CALLERS / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / np.float32(32768)


def clip_16k(name):
    return Resampler(2, 1).process(clip_8k(name))


def clip_24k(name):
    return Resampler(3, 1).process(clip_8k(name))


def at_once(work):
    """Do the thread's work before the step goes on, so that a test knows what each frame holds."""
    future = Future()
    try:
        work()
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(None)
    return future


class Later:
    """Keep the thread's work until the test asks for it."""

    def __init__(self):
        self.waiting = []

    def __call__(self, work):
        future = Future()
        self.waiting.append((future, work))
        return future

    def do(self):
        waiting, self.waiting = self.waiting, []
        for future, work in waiting:
            if future.set_running_or_notify_cancel():
                work()
                future.set_result(None)


class Telephone:
    """One call; `frames` holds every agent frame so far."""

    def __init__(self, slot, voice):
        self.slot = slot
        self.voice = voice
        self.frames = []

    def hear(self, samples):
        """Feed 24 kHz caller audio; give the agent's frames meanwhile."""
        begin = len(self.frames)
        self.frames += [self.slot.step(frame) for frame in frames_of(samples)]
        return self.frames[begin:]

    def quiet(self, seconds):
        return self.hear(np.zeros(int(seconds * 24000), np.float32))

    def draw_breath(self, submit):
        """Fall silent just until the engine begins to think."""
        for _ in range(5):
            if submit.waiting:
                return
            self.quiet(0.08)
        raise AssertionError("the engine does not notice the pause")

    def until_silent(self):
        """Say nothing until the agent has finished."""
        begin = len(self.frames)
        while self.quiet(0.08)[-1].agent_speaking:
            assert len(self.frames) - begin < 500, "the agent does not stop"
        return self.frames[begin:]

    def ask(self, clip):
        """Say a clip (a recording's name, or a sentence for the synthetic caller) and listen to the whole answer."""
        begin = len(self.frames)
        self.hear(clip_24k(clip) if (CALLERS / f"{clip}.wav").exists() else self.say_sound(clip))
        self.quiet(0.6)
        self.until_silent()
        return text_of(self.frames[begin:])

    def say_sound(self, text):
        """A synthetic caller with another voice than the agent's."""
        return self.voice.speak(text, "en-GB").sound.astype(np.float32) / np.float32(32768)

    @property
    def caller(self):
        return [words.text for frame in self.frames for words in frame.caller]

    @property
    def verdicts(self):
        return [verdict for frame in self.frames for verdict in frame.verdicts]

    @property
    def wishes(self):
        return [frame.wish for frame in self.frames if frame.wish]


def text_of(frames):
    return "".join(frame.text for frame in frames).strip()


@pytest.fixture(scope="session", name="make_persona")
def _make_persona():
    return make_persona


@pytest.fixture(scope="session")
def persona():
    return make_persona()


@pytest.fixture(scope="session")
def hours(persona):
    """The answer on opening hours."""
    return persona.facts[0].answer


@pytest.fixture(scope="session")
def parking(persona):
    """The answer on parking."""
    return persona.facts[2].answer


@pytest.fixture(scope="session", name="clip_16k")
def _clip_16k():
    """A caller's recording by name: float32, 16 kHz."""
    return clip_16k


@pytest.fixture(scope="session", name="clip_24k")
def _clip_24k():
    """A caller's recording by name: float32, 24 kHz."""
    return clip_24k


@pytest.fixture(scope="session")
def speech():
    """What is spoken in a recording, without the silence around it: float32, 24 kHz."""

    def trimmed(name):
        sound = clip_24k(name)
        loud = np.flatnonzero(np.abs(sound) > 0.02)
        return sound[loud[0] : loud[-1] + 1]

    return trimmed


@pytest.fixture(scope="session")
def later():
    """Makes a `submit` whose work waits until the test says `do`."""
    return Later


@pytest.fixture(scope="session")
def tools():
    return load_tools()


@pytest.fixture(scope="session")
def embedder(tools):
    return tools.embedder


@pytest.fixture(scope="session")
def intents(embedder):
    return learn_intents(embedder)


@pytest.fixture(scope="session")
def detector():
    return Silero(weights.locate(weights.SILERO))


@pytest.fixture(scope="session")
def ring(tools, intents, detector):
    """Place a call: `ring(persona)`; the thread's work is done at once unless `submit` is given."""
    openings = {}

    def place(persona=None, submit=at_once, tools=tools, caller_transcript=True, recollection=(), notice=False):
        persona = persona or make_persona()
        key = (persona, id(tools))
        if key not in openings:
            openings[key] = make_opening(tools, intents, persona)
        detector.reset()
        seat = Seat(persona, 0, caller_transcript, recollection, notice)
        return Telephone(Slot(0, seat, openings[key], detector, submit), Voice())

    return place
