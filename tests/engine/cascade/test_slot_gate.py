"""What the topic gate makes of a conversation with the CPU engine: refusals, what they lead to, what is counted."""

import pytest

from bridge.persona.schema import AfterRefusals, Allowed, BlockedTopic, Fact


def test_a_callers_blocked_question_gets_the_refusal_word_for_word_and_a_verdict(ring, persona):
    phone = ring()
    phone.until_silent()
    assert phone.ask("u11") == persona.refusal
    (verdict,) = phone.verdicts
    assert (verdict.speaker, verdict.action) == ("caller", "refuse")
    assert (verdict.phrase, verdict.topic) == ("insurance", "medication")
    spoken_at = next(at for at, frame in enumerate(phone.frames) if frame.verdicts)
    assert verdict.at_ms == spoken_at * 80


def test_a_question_like_a_blocked_example_gets_the_refusal(ring, make_persona):
    example = "Is parking available close to your building?"
    persona = make_persona(blocked=(BlockedTopic(topic="parking", words=("garage",), examples=(example,)),))
    phone = ring(persona)
    phone.until_silent()
    assert phone.ask("u13") == persona.refusal
    assert [(verdict.phrase, verdict.topic) for verdict in phone.verdicts] == [(example, "parking")]


def test_an_answer_that_meets_a_blocked_word_is_never_spoken(ring, make_persona):
    answer = "Ask us. We close when the antibiotics are gone. Goodbye."
    persona = make_persona(facts=(Fact(ask=("What are your opening hours?",), answer=answer),))
    phone = ring(persona)
    phone.until_silent()
    assert phone.ask("u02") == f"Ask us. {persona.refusal}"
    (verdict,) = phone.verdicts
    assert (verdict.speaker, verdict.withheld) == ("agent", "We close when the antibiotics are gone.")


def test_after_so_many_refusals_the_persona_ends_it(ring, make_persona):
    persona = make_persona(after_refusals=AfterRefusals(count=2, action="transfer", say="I'd better put you through."))
    phone = ring(persona)
    phone.until_silent()
    assert phone.ask("u11") == persona.refusal
    assert phone.ask("u11") == f"{persona.refusal} I'd better put you through."
    assert [verdict.action for verdict in phone.verdicts] == ["refuse", "transfer"]
    assert phone.wishes == ["transfer"]


def test_a_topic_that_redirects_asks_its_question_and_the_rest_of_the_answer_is_dropped(ring, make_persona):
    answer = "Ask us. We close when the antibiotics are gone. We never open on Sunday."
    asked = "Shall I put you through to the dentist?"
    topic = BlockedTopic(topic="medication", words=("antibiotic*",), action="redirect", question=asked)
    persona = make_persona(blocked=(topic,), facts=(Fact(ask=("What are your opening hours?",), answer=answer),))
    phone = ring(persona)
    phone.until_silent()
    assert phone.ask("u02") == f"Ask us. {persona.refusal} {asked}"
    assert [verdict.action for verdict in phone.verdicts] == ["redirect"]
    assert phone.wishes == []


def test_a_yes_to_a_redirect_is_answered_like_the_question_it_asked(ring, make_persona, hours):
    topic = BlockedTopic(
        topic="medication", words=("insurance",), action="redirect", question="Shall I tell you when we are open?"
    )
    phone = ring(make_persona(blocked=(topic,)))
    phone.until_silent()
    assert phone.ask("u11").endswith("Shall I tell you when we are open?")
    assert phone.ask("Yes, please.") == hours


def test_who_asks_for_something_off_the_topics_is_refused_instead_of_asked_again(ring, make_persona, hours):
    persona = make_persona(allowed=Allowed(topics=("teeth and dental treatment", "hours and address of the practice")))
    phone = ring(persona)
    phone.until_silent()
    assert phone.ask("What is the capital of France?") == persona.refusal
    (verdict,) = phone.verdicts
    assert (verdict.speaker, verdict.topic, verdict.withheld) == ("caller", "off topic", "")
    assert phone.ask("u02") == hours


@pytest.mark.parametrize("action", ["transfer", "hangup"])
def test_a_topic_ends_the_call_once_its_refusal_and_the_last_words_were_heard(ring, make_persona, action):
    topic = BlockedTopic(topic="medication", words=("insurance",), action=action, refusal="I'm not the one to ask.")
    persona = make_persona(blocked=(topic,))
    phone = ring(persona)
    phone.until_silent()
    last = persona.transfer_say if action == "transfer" else persona.limits.goodbye
    assert phone.ask("u11") == f"I'm not the one to ask. {last}"
    assert phone.wishes == [action]


def test_a_refusal_thought_in_vain_does_not_count(ring, make_persona, later, speech):
    persona = make_persona(after_refusals=AfterRefusals(count=2, action="hangup"))
    submit = later()
    phone = ring(persona, submit=submit)
    phone.until_silent()
    phone.hear(speech("u11"))
    phone.draw_breath(submit)
    submit.do()
    phone.hear(speech("u02"))
    submit.do()
    phone.quiet(0.6)
    submit.do()
    phone.until_silent()
    assert len(phone.verdicts) <= 1
    assert phone.wishes == []


def test_a_caller_who_goes_on_into_a_refusal_is_counted_once(ring, make_persona, speech):
    persona = make_persona(after_refusals=AfterRefusals(count=2, action="hangup"))
    phone = ring(persona)
    phone.until_silent()
    phone.hear(speech("u11"))
    while not phone.quiet(0.08)[-1].pcm:
        assert len(phone.frames) < 500
    phone.hear(speech("u13"))
    phone.quiet(8)
    assert len(phone.verdicts) == 2
    assert phone.wishes == []
