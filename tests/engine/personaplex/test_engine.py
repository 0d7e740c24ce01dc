from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from bridge.engine.hearing.scribe import Scribe
from bridge.engine.interface import Engine, Seat
from bridge.engine.personaplex.engine import PersonaPlexEngine
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.random_model import random_model, tiny_config
from bridge.facts.errors import EngineError, EngineFullError
from bridge.facts.speech import AgentFrame, Said
from bridge.persona.ad_hoc import ad_hoc
from bridge.persona.prompt import model_prompt
from bridge.persona.schema import Allowed, BlockedTopic, Gate, Persona, Sampling

from .calls import sound
from .conftest import TINY

PERSONA = Persona(
    name="shop",
    business="A Shop",
    description="a shop",
    agent_name="Ada",
    voice="GOLD0",
    greeting="Hello.",
    refusal="I can't talk about that.",
)
GREEDY = Sampling(text_temperature=0, audio_temperature=0)


def engine_of(model: Model, slots: int = 4, prompt_bytes: int = 1 << 30) -> PersonaPlexEngine:
    return PersonaPlexEngine(model, slots, model_dir=TINY, prompt_bytes=prompt_bytes)


@pytest.fixture(scope="module")
def engine(model: Model) -> Iterator[PersonaPlexEngine]:
    engine = PersonaPlexEngine(model, 4, model_dir=TINY, scribe=Scribe(4))
    yield engine
    engine.shutdown()


@dataclass(frozen=True)
class Caller:
    """Somebody who calls at a tick, does not come through in some, and hangs up at the end of their sound."""

    slot: int
    sound: Sequence[np.ndarray]
    seed: int = 1
    persona: Persona = PERSONA
    start: int = 0
    stalls: frozenset[int] = field(default_factory=frozenset)


def hold(engine: PersonaPlexEngine, *callers: Caller) -> list[list[AgentFrame]]:
    """Let the calls take place together, tick by tick."""
    heard: list[list[AgentFrame]] = [[] for _ in callers]
    tick = 0
    while any(len(heard[i]) < len(caller.sound) for i, caller in enumerate(callers)):
        frames, who = {}, {}
        for i, caller in enumerate(callers):
            if tick == caller.start:
                engine.open(caller.slot, Seat(caller.persona, caller.seed, caller_transcript=False))
            if tick >= caller.start and tick not in caller.stalls and len(heard[i]) < len(caller.sound):
                frames[caller.slot], who[caller.slot] = caller.sound[len(heard[i])], i
        for slot, frame in engine.step(frames).items():
            heard[who[slot]].append(frame)
            if len(heard[who[slot]]) == len(callers[who[slot]].sound):
                engine.close(slot)
        tick += 1
    return heard


def said(frames: Sequence[AgentFrame]) -> str:
    return "".join(frame.text for frame in frames).strip()


def test_it_is_an_engine_that_ticks(engine: PersonaPlexEngine) -> None:
    interface: Engine = engine
    assert (interface.name, interface.tick_ms, interface.capacity) == ("personaplex", 80, 4)
    assert engine.render("Sorry.", "en") == b""


def test_a_call_is_answered_from_its_first_frame_by_the_greeting_then_by_the_model(engine: PersonaPlexEngine) -> None:
    (frames,) = hold(engine, Caller(0, sound(0, 60)))
    assert all(len(frame.pcm) == 4 * 1920 for frame in frames)
    assert said(frames).startswith("Hello.")
    assert {frame.turn for frame in frames if frame.text.strip()} >= {1, 2}


@pytest.mark.parametrize("sampling", [Sampling(), GREEDY], ids=["sampled", "greedy"])
def test_a_call_among_others_is_the_call_alone(model: Model, sampling: Sampling) -> None:
    persona = PERSONA.model_copy(update={"sampling": sampling})
    mine = Caller(2, sound(0, 50), seed=5, persona=persona)
    (alone,) = hold(engine_of(model), mine)
    others = [
        Caller(0, sound(1, 20), seed=6, start=3),
        Caller(1, sound(2, 60), seed=7, stalls=frozenset(range(5, 60, 3))),
        Caller(3, sound(3, 12), seed=8, start=20),
    ]
    among, *_ = hold(engine_of(model), mine, *others)
    assert among == alone


def test_a_call_for_which_there_is_no_memory_is_refused_and_the_others_go_on(model: Model) -> None:
    engine = PersonaPlexEngine(model, 4, model_dir=TINY, most_pages=9)  # one window and no more
    assert engine.memory.calls == 1
    engine.prepare(PERSONA)
    engine.open(0, Seat(PERSONA, 1, caller_transcript=False))
    memory = engine.memory
    assert 0 < memory.used <= memory.reserved
    assert (memory.calls, engine.capacity) == (1, 4)
    frame = sound(0, 1)[0]
    engine.step({0: frame})
    with pytest.raises(EngineFullError, match="no memory for a further call"):
        engine.open(1, Seat(PERSONA, 1, caller_transcript=False))
    assert set(engine.step({0: frame})) == {0}
    engine.close(0)
    assert engine.memory.used == 0
    engine.open(1, Seat(PERSONA, 1, caller_transcript=False))


def test_a_call_that_stalls_loses_nothing(engine: PersonaPlexEngine) -> None:
    (smooth,) = hold(engine, Caller(1, sound(4, 30)))
    (stalled,) = hold(engine, Caller(1, sound(4, 30), stalls=frozenset({0, 7, 8, 21})))
    assert stalled == smooth


def test_a_slot_that_is_used_again_is_new(engine: PersonaPlexEngine) -> None:
    (first,) = hold(engine, Caller(3, sound(5, 30)))
    hold(engine, Caller(3, sound(6, 40), seed=9))
    engine.open(3, Seat(PERSONA, 2, caller_transcript=False))  # and even if nobody closed it
    (again,) = hold(engine, Caller(3, sound(5, 30)))
    assert again == first


def test_seeds_make_calls_differ(engine: PersonaPlexEngine) -> None:
    one, other = hold(engine, Caller(0, sound(0, 40), seed=1), Caller(1, sound(0, 40), seed=2))
    assert one != other


def test_what_the_model_says_of_a_blocked_topic_is_replaced_by_the_refusal(engine: PersonaPlexEngine) -> None:
    def blocking(word: str) -> Persona:  # the topic's name stands in the prompt, the words do not
        blocked = (BlockedTopic(topic="this", words=(word,)),)
        return PERSONA.model_copy(update={"blocked": blocked, "gate": Gate(insistence=0.01)})

    (free,) = hold(engine, Caller(0, sound(0, 60), persona=blocking("never said")))
    word = next(frame.text for frame in free if frame.turn > 1 and frame.text.strip().isalpha()).strip() + "*"
    (gated,) = hold(engine, Caller(0, sound(0, 60), persona=blocking(word)))
    at = next(index for index, frame in enumerate(gated) if frame.verdicts)
    assert gated[at].flush and gated[at].verdicts[0].phrase == word
    assert [frame.pcm for frame in gated[:at]] == [frame.pcm for frame in free[:at]]
    assert "I can't talk about that." in said(gated[at:])


def test_a_model_that_babbles_leaves_the_allowed_topics_and_is_stopped(engine: PersonaPlexEngine) -> None:
    persona = PERSONA.model_copy(update={"allowed": Allowed(topics=("hats",), refusal="I only know about hats.")})
    engine.open(0, Seat(persona, 1, caller_transcript=False))
    frames: list[AgentFrame] = []
    for heard in sound(0, 140):
        frames.append(engine.step({0: heard})[0])
        engine._meaning._pool.submit(lambda: None).result()  # a step here takes less than its 80 ms
    engine.close(0)
    at = next(index for index, frame in enumerate(frames) if frame.verdicts)
    assert frames[at].verdicts[0].topic == "off topic" and frames[at].flush
    assert said(frames[at:]).startswith("I only know about hats.")


def test_personas_differ_in_what_they_say(engine: PersonaPlexEngine) -> None:
    other = PERSONA.model_copy(update={"information": "We sell on Monday."})
    one, two = hold(engine, Caller(0, sound(0, 60)), Caller(1, sound(0, 60), persona=other))
    assert said(one) != said(two)


def test_a_persona_is_prepared_beside_running_calls_without_changing_them(model: Model) -> None:
    engine = engine_of(model)
    (alone,) = hold(engine, Caller(0, sound(7, 60)))
    personas = [PERSONA.model_copy(update={"information": f"Fact {number}. " * 50}) for number in range(20)]
    started = threading.Event()

    def prepare() -> None:
        for persona in personas:
            engine.prepare(persona)
            started.set()

    thread = threading.Thread(target=prepare)
    thread.start()
    assert started.wait(30)
    (beside,) = hold(engine, Caller(0, sound(7, 60)))
    thread.join()
    assert beside == alone


def test_prompts_are_kept_within_their_memory_and_made_again_when_needed(model: Model) -> None:
    engine = engine_of(model, prompt_bytes=1)
    engine.prepare(PERSONA)
    (before,) = hold(engine, Caller(0, sound(0, 20)))
    engine.prepare(PERSONA.model_copy(update={"information": "Something else."}))
    assert len(engine._prepared) == 1
    (after,) = hold(engine, Caller(0, sound(0, 20)))
    assert after == before


def test_personas_with_one_prompt_share_its_memory(model: Model) -> None:
    engine = engine_of(model)
    for greeting in ("Hello.", "Good day."):
        engine.prepare(PERSONA.model_copy(update={"greeting": greeting}))
    one, other = engine._prepared.values()
    assert one.snapshot is other.snapshot


def test_a_call_that_goes_on_has_what_was_said_in_its_prompt_and_is_not_greeted_again(model: Model) -> None:
    engine = engine_of(model)
    said = (Said("caller", "Have you any hats?"), Said("agent", "All sizes."))
    engine.prepare(PERSONA, said)
    [recalled] = engine._recalled.values()
    assert recalled.prompt.text == model_prompt(PERSONA, recollection=said)
    assert not engine._prepared
    engine.open(0, Seat(PERSONA, 1, caller_transcript=False, recollection=said))
    assert not engine._recalled
    frames = [engine.step({0: frame})[0] for frame in sound(0, 150)]
    assert "".join(frame.text for frame in frames).strip().startswith(PERSONA.resume_say)


def test_a_call_that_goes_on_is_seated_even_if_its_prompt_has_made_room(model: Model) -> None:
    engine = engine_of(model)
    for number in range(6):
        engine.prepare(PERSONA, (Said("caller", f"Number {number}."),))
    assert len(engine._recalled) == 4
    engine.open(0, Seat(PERSONA, 1, caller_transcript=False, recollection=(Said("caller", "Number 0."),)))
    assert engine.step({0: sound(0, 1)[0]})[0].turn == 0


def test_words_of_the_caller_come_out_beside_the_models(engine: PersonaPlexEngine) -> None:
    engine.open(0, Seat(PERSONA, 1, caller_transcript=True))
    (frame,) = engine.step({0: sound(0, 1)[0]}).values()
    assert frame.caller == () and not frame.caller_speaking
    engine.digit(0, "5")
    engine.close(0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"voice": "NOBODY"}, "no voice 'NOBODY'; there are: GOLD0"),
        ({"voice": "NATF2"}, "NATF2 is not downloaded"),
    ],
)
def test_a_persona_that_the_model_cannot_have_is_refused_in_words(
    engine: PersonaPlexEngine, change: dict[str, object], words: str
) -> None:
    persona = PERSONA.model_copy(update=change)
    with pytest.raises(EngineError, match=f"persona shop cannot be used.*{words}"):
        engine.prepare(persona)
    with pytest.raises(EngineError, match=words):
        engine.open(0, Seat(persona))


def test_a_model_without_a_tokeniser_is_refused_in_words() -> None:
    with pytest.raises(EngineError, match="no tokeniser"):
        PersonaPlexEngine(random_model(tiny_config()), 1)


def test_no_state_is_bound_to_the_thread_or_mode_that_made_it(engine: PersonaPlexEngine) -> None:
    with torch.inference_mode():
        (inside,) = hold(engine, Caller(0, sound(0, 10)))
    (outside,) = hold(engine, Caller(0, sound(0, 10)))
    assert inside == outside


def test_a_persona_of_one_call_is_ready_for_it_and_crowds_nobody_out(model: Model) -> None:
    engine = engine_of(model)
    engine.prepare(PERSONA)
    own = ad_hoc("You enjoy having a good conversation.", "GOLD0.pt")
    engine.prepare(own, once=True)
    engine.prepare(own, once=True)
    one, other = engine._recalled.values()
    assert one.prompt.text == "<system> You enjoy having a good conversation. <system>"
    assert one.snapshot is other.snapshot
    engine.open(0, Seat(own, 1, caller_transcript=False, once=True))
    assert list(engine._prepared) == [PERSONA]
    assert len(engine._recalled) == 1
    frames = [engine.step({0: frame})[0] for frame in sound(0, 20)]
    assert len(frames) == 20


def test_an_agent_that_greets_nobody_is_not_made_to_say_anything(model: Model) -> None:
    silent = PERSONA.model_copy(update={"prompt": "Be kind.", "greeting": "", "sampling": GREEDY})
    caller = Caller(0, sound(0, 8), persona=silent)
    engine = engine_of(model)
    [first], [second] = hold(engine, caller), hold(engine, caller)
    assert [frame.pcm for frame in first] == [frame.pcm for frame in second]
    engine.open(0, Seat(silent, 1, caller_transcript=False))
    assert engine._calls[0]._next_line is None and engine._calls[0]._line is None
