import pytest

from bridge.engine.cascade.answer import Memory, answer, directive, learn


@pytest.fixture(scope="module")
def reply(embedder, intents, make_persona):
    learned = {}

    def reply(text, memory=None, **changes):
        persona = make_persona(**changes)
        if persona not in learned:
            learned[persona] = learn(embedder, persona, intents)
        return answer(learned[persona], embedder, text, memory or Memory())

    return reply


@pytest.fixture(scope="module")
def hours(persona):
    return persona.facts[0].answer


def test_a_question_gets_the_answer_of_the_nearest_fact_word_for_word(reply, hours):
    assert reply("When do you open on Saturdays?").texts == (hours,)


def test_a_question_that_is_only_like_an_answer_finds_it(reply, persona):
    assert reply("Is your car park free?").texts == (persona.facts[2].answer,)


def test_two_questions_get_two_answers_and_a_third_none(reply, persona):
    texts = reply("Where are you? Where can I park? When are you open?").texts
    assert texts == tuple(fact.answer for fact in (persona.facts[1], persona.facts[2]))


def test_a_question_is_answered_whatever_is_said_around_it(reply, hours):
    assert reply("Hi there. My dog ate my alarm clock. When are you open? Thank you.").texts == (hours,)


def test_free_information_answers_where_no_fact_does(reply):
    assert reply("Is treatment of children free of charge?").texts == (
        "Children under six are treated free of charge.",
    )


def test_a_question_like_an_example_of_a_blocked_topic_is_blocked(reply):
    decision = reply("Can I take two ibuprofen pills?")
    assert decision.texts == ()
    assert decision.blocked.topic == "medication"


def test_what_is_not_understood_is_asked_again_then_a_person_is_offered(reply, persona):
    first = reply("How do I calibrate a telescope?")
    assert first.texts == (persona.unknown.ask_again,)
    second = reply("I said, telescopes.", first.memory)
    assert second.texts == (persona.unknown.offer_transfer,)
    yes, no = reply("Yes please.", second.memory), reply("No, thank you.", second.memory)
    assert (yes.texts, yes.wish) == ((persona.transfer_say,), "transfer")
    assert (no.wish, no.memory.asked) == (None, "more")


def test_without_a_person_to_offer_it_gives_up(reply, persona):
    first = reply("How do I calibrate a telescope?", transfer=None)
    second = reply("I said, telescopes.", first.memory, transfer=None)
    assert (second.texts, second.wish) == ((persona.unknown.give_up,), None)


def test_an_answer_in_between_ends_the_row_of_misses(reply, persona):
    first = reply("How do I calibrate a telescope?")
    answered = reply("When are you open?", first.memory)
    assert reply("And telescopes?", answered.memory).texts == (persona.unknown.ask_again,)


@pytest.mark.parametrize(
    "text", ["Could I please speak to a real person?", "Operator.", "I need to talk to your staff"]
)
def test_who_asks_for_a_person_is_put_through(reply, persona, text):
    decision = reply(text)
    assert (decision.texts, decision.wish) == ((persona.transfer_say,), "transfer")


def test_who_asks_for_a_person_where_there_is_none_hears_so(reply, persona):
    decision = reply("Can I speak to a human?", transfer=None)
    assert (decision.texts, decision.wish) == ((persona.unknown.give_up,), None)


@pytest.mark.parametrize(
    "text", ["Goodbye.", "That's everything, thank you very much, goodbye.", "Okay, that's all, bye."]
)
def test_a_goodbye_is_returned_and_ends_the_call(reply, persona, text):
    decision = reply(text)
    assert (decision.texts, decision.wish) == ((persona.limits.goodbye,), "hangup")


def test_after_thanks_a_no_ends_the_call(reply, persona):
    thanks = reply("Thank you.")
    assert (thanks.wish, thanks.memory.asked) == (None, "more")
    assert reply("No.", thanks.memory).wish == "hangup"


def test_the_last_answer_is_repeated_on_request(reply, hours):
    told = reply("When are you open?")
    assert reply("Sorry, could you say that again?", told.memory).texts == (hours,)


def test_a_higher_threshold_answers_less(reply, persona):
    strict = persona.unknown.model_copy(update={"threshold": 0.99})
    assert reply("When do you open on Saturdays?", unknown=strict).texts == (persona.unknown.ask_again,)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("Let me talk to a human.", "person"), ("Thanks. Goodbye.", "goodbye"), ("When do you open?", None)],
)
def test_what_concerns_the_bridge_itself_is_told_by_its_words(text, wanted):
    assert directive(text) == wanted
