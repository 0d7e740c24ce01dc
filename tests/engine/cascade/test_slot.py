"""One call, with real recordings, real models and a thread whose work is done when the test says so."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.facts.speech import Said
from bridge.persona.schema import Limits, Listening, RecordingNotice


def said(frames):
    return "".join(frame.text for frame in frames).strip()


def test_the_greeting_begins_in_the_first_frame_and_is_said_word_for_word(ring, persona):
    phone = ring()
    frames = phone.until_silent()
    assert frames[0].pcm
    assert said(frames) == persona.greeting
    assert {frame.turn for frame in frames} == {1}


def test_a_call_that_goes_on_is_not_greeted_again_and_the_agent_knows_its_last_words(ring, persona, clip_24k):
    phone = ring(recollection=(Said("caller", "Where can I park?"), Said("agent", "Behind the house.")))
    assert said(phone.until_silent()) == persona.resume_say
    memory = phone.slot._memory
    assert memory.last == ("Behind the house.",)
    assert memory.history == (("user", "Where can I park?"), ("assistant", "Behind the house."))


def test_the_consent_notice_comes_first_and_a_caller_who_speaks_does_not_stop_it(ring, make_persona, clip_24k):
    persona = make_persona(consent="This call is recorded so that we can serve you better.", greeting="Hello!")
    phone = ring(persona)
    frames = phone.hear(clip_24k("u02")[24000 * 6 // 10 :][:24000])
    assert not any(frame.flush for frame in frames)
    assert said(phone.frames + phone.until_silent()).startswith(f"{persona.consent} Hello!")


@pytest.mark.parametrize("recorded", [True, False])
def test_a_recorded_call_begins_with_the_notice_and_wishes_for_the_recording_at_its_end(
    ring, make_persona, clip_24k, recorded
):
    told = RecordingNotice(notice="This call is recorded. Press 8 to refuse.", opt_out_key="8")
    phone = ring(make_persona(recording=told, greeting="Hello!"), notice=recorded)
    phone.hear(clip_24k("u02")[24000 * 6 // 10 :][:24000])
    phone.until_silent()
    frames = phone.frames
    wishes = [at for at, frame in enumerate(frames) if frame.wish == "record"]
    if not recorded:
        assert wishes == []
        assert said(frames).startswith("Hello!")
        return
    [end] = wishes
    assert said(frames[: end + 1]) == told.notice
    assert not any(frame.flush for frame in frames[: end + 1])


def test_a_caller_who_talks_over_the_consent_notice_stops_the_greeting_behind_it(ring, make_persona, clip_24k):
    greeting = "Welcome to the Elm Street Dental Practice. What can we do for you on this fine day?"
    persona = make_persona(consent="This call is recorded.", greeting=greeting)
    phone = ring(persona)
    frames = phone.hear(clip_24k("u02"))
    stopped = next(at for at, frame in enumerate(frames) if frame.flush)
    assert said(frames[:stopped]).startswith(persona.consent)
    assert greeting not in said(frames[:stopped])
    assert said(frames[stopped:] + phone.quiet(8)).startswith("We are open")


def test_a_question_is_answered_with_the_fact_and_reported_with_its_times(ring, hours, clip_24k):
    phone = ring()
    phone.until_silent()
    begin_ms = len(phone.frames) * 80
    assert phone.ask("u02") == hours
    (words,) = [words for frame in phone.frames for words in frame.caller]
    loud = np.flatnonzero(np.abs(clip_24k("u02")) > 0.02) / 24
    assert words.text == "What are your opening hours on Saturday?"
    assert words.start_ms == pytest.approx(begin_ms + loud[0], abs=150)
    assert words.end_ms == pytest.approx(begin_ms + loud[-1], abs=250)


def test_the_answer_begins_within_700_ms_of_the_callers_last_sound(ring, clip_24k):
    phone = ring()
    phone.until_silent()
    begin = len(phone.frames)
    phone.ask("u02")
    spoken = np.flatnonzero(np.abs(clip_24k("u02")) > 0.02)[-1] / 24000
    first = next(at for at, frame in enumerate(phone.frames[begin:]) if frame.pcm)
    assert (first + 1) * 0.08 - spoken < 0.7


def test_a_persona_may_wait_longer_for_callers_who_hesitate(ring, make_persona, clip_24k):
    phone = ring(make_persona(listening=Listening(wait_ms=1500)))
    phone.until_silent()
    phone.hear(clip_24k("u02")[: -24000 // 2])
    assert not any(frame.agent_speaking for frame in phone.quiet(0.5))
    assert said(phone.quiet(8)).startswith("We are open")


def test_two_halves_with_a_breath_between_them_are_one_turn(ring, clip_24k):
    sound = clip_24k("u02")
    loudness = np.convolve(np.abs(sound), np.ones(600), "same")
    middle = 30000 + int(np.argmin(loudness[30000:50000]))
    phone = ring()
    phone.until_silent()
    phone.hear(np.concatenate((sound[:middle], np.zeros(24000 * 3 // 10, np.float32), sound[middle:])))
    phone.quiet(1)
    assert len(phone.caller) == 1
    assert "hours on Saturday" in phone.caller[0]


def test_what_was_thought_during_a_breath_is_thrown_away(ring, later, clip_24k):
    submit = later()
    phone = ring(submit=submit)
    phone.until_silent()
    sound = clip_24k("u02")
    middle = 24000 * 18 // 10
    phone.hear(sound[:middle])
    phone.draw_breath(submit)
    (first,) = submit.waiting
    phone.hear(sound[middle:])
    assert first[0].cancelled()


def test_a_caller_who_speaks_stops_the_agent_at_once(ring, clip_24k):
    phone = ring()
    phone.quiet(0.8)
    sound = clip_24k("u02")
    frames = phone.hear(sound)
    onset = np.flatnonzero(np.abs(sound) > 0.02)[0] / 24000
    (stopped,) = [at for at, frame in enumerate(frames) if frame.flush]
    assert stopped * 0.08 - onset < 0.25
    assert not any(frame.pcm for frame in frames[stopped : stopped + 15])
    assert said(frames[stopped:] + phone.quiet(8)).startswith("We are open")


def test_a_persona_may_forbid_to_be_interrupted(ring, make_persona, hours, clip_24k):
    greeting = "Welcome to the Elm Street Dental Practice. " * 3
    persona = make_persona(listening=Listening(barge_in=False), greeting=greeting)
    phone = ring(persona)
    phone.quiet(0.8)
    phone.hear(clip_24k("u02"))
    phone.until_silent()
    assert not any(frame.flush for frame in phone.frames)
    assert said(phone.frames) == f"{persona.greeting} {hours}"


def test_line_noise_does_not_stop_the_agent(ring, persona):
    phone = ring()
    noise = np.random.default_rng(2).normal(0, 0.003, 24000 * 5).astype(np.float32)
    assert said(phone.hear(noise)) == persona.greeting


def test_a_listeners_okay_makes_the_agent_begin_its_sentence_again(ring, persona, clip_24k):
    phone = ring()
    phone.quiet(1)
    phone.hear(phone.say_sound("Okay."))
    phone.quiet(0.6)
    phone.until_silent()
    assert any(frame.flush for frame in phone.frames)
    assert said(phone.frames).endswith(persona.greeting.split(". ")[-1])
    assert max(frame.turn for frame in phone.frames) == 2


def test_a_caller_who_goes_on_before_the_answer_is_ready_is_answered_once(ring, later, clip_24k):
    submit = later()
    phone = ring(submit=submit)
    phone.until_silent()
    phone.hear(phone.say_sound("What are your opening hours?"))
    phone.quiet(0.8)
    second = phone.say_sound("On Saturday morning.")
    phone.hear(second[:9600])
    submit.do()
    phone.hear(second[9600:])
    phone.quiet(0.8)
    submit.do()
    frames = phone.quiet(8)
    assert len(phone.caller) == 2
    assert said(frames).count("We are open") == 1


def test_keys_are_not_taken_for_words(ring):
    phone = ring()
    phone.until_silent()
    time = np.arange(24000 // 4) / 24000
    tone = (0.3 * np.sin(2 * np.pi * 770 * time) + 0.3 * np.sin(2 * np.pi * 1336 * time)).astype(np.float32)
    for _ in range(4):
        phone.slot.press("5")
        phone.hear(tone)
        phone.quiet(0.3)
    assert phone.caller == []
    assert not any(frame.pcm for frame in phone.quiet(2))


def test_who_asks_for_a_person_is_put_through_once_that_was_said(ring, persona):
    phone = ring()
    phone.until_silent()
    assert phone.ask("u10") == persona.transfer_say
    assert phone.wishes == ["transfer"]
    assert phone.frames[-1].wish or not phone.frames[-1].pcm


def test_a_goodbye_ends_the_call(ring, make_persona):
    phone = ring(make_persona(limits=Limits(goodbye="Goodbye and stay well.")))
    phone.until_silent()
    assert phone.ask("u20") == "Goodbye and stay well."
    assert phone.wishes == ["hangup"]


def test_a_line_of_the_bridge_replaces_what_is_being_said(ring):
    phone = ring()
    phone.quiet(0.8)
    phone.slot.say("This call has reached its limit. Goodbye.", "hangup")
    frames = phone.until_silent()
    assert frames[0].flush
    assert said(frames) == "This call has reached its limit. Goodbye."
    assert [frame.wish for frame in frames if frame.pcm][-1] == "hangup"


def test_a_line_of_the_bridge_does_not_lose_the_turn_in_which_it_falls(ring, later, speech, hours):
    submit = later()
    phone = ring(submit=submit)
    phone.until_silent()
    phone.hear(speech("u02"))
    phone.draw_breath(submit)
    phone.slot.say("Are you still there?", None)
    submit.do()
    frames = phone.until_silent()
    assert said(frames) == f"Are you still there? {hours}"
    assert phone.caller == ["What are your opening hours on Saturday?"]


@given(st.lists(st.sampled_from(["speak", "pause", "silence", "say", "key", "think"]), max_size=25))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_happens_in_a_call_upsets_the_slot(ring, later, speech, happenings):
    submit = later()
    phone = ring(submit=submit)
    words = speech("u05")
    for happening in happenings:
        match happening:
            case "speak":
                phone.hear(words[:20000])
            case "pause":
                phone.quiet(0.3)
            case "silence":
                phone.quiet(1)
            case "say":
                phone.slot.say("Are you still there?", None)
            case "key":
                phone.slot.press("5")
            case "think":
                submit.do()
    for _ in range(3):
        phone.quiet(1)
        submit.do()
    phone.until_silent()
    assert all(len(frame.pcm) in (0, 1920 * 4) for frame in phone.frames)


def test_a_line_of_the_bridge_passes_the_gate_too(ring, persona):
    phone = ring()
    phone.until_silent()
    phone.slot.say("Would you like some antibiotics?", None)
    assert said(phone.until_silent()) == persona.refusal


def test_where_the_callers_words_are_not_wanted_they_are_not_given_out(ring, hours):
    phone = ring(caller_transcript=False)
    phone.until_silent()
    assert phone.ask("u02") == hours
    assert phone.caller == []


def test_an_error_in_a_thread_costs_an_apology_and_no_word_reaches_the_log(ring, persona, tools, caplog):
    class Embedder:
        broken = False

        def embed(self, texts):
            if self.broken:
                raise ArithmeticError(texts[0])
            return tools.embedder.embed(texts)

    embedder = Embedder()
    phone = ring(persona, tools=replace(tools, embedder=embedder))
    phone.until_silent()
    embedder.broken = True
    assert phone.ask("u02") == persona.unknown.give_up
    embedder.broken = False
    assert "ArithmeticError" in caplog.text
    assert "hours" not in caplog.text
    assert phone.ask("u02").startswith("We are open")


def test_a_closed_call_wants_nothing_more_from_its_threads(ring, later):
    submit = later()
    phone = ring(submit=submit)
    phone.until_silent()
    phone.hear(phone.say_sound("When are you open?"))
    phone.quiet(0.3)
    phone.slot.close()
    assert submit.waiting
    assert all(future.cancelled() for future, _ in submit.waiting)
