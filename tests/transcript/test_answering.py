"""How soon the agent answers, of the records of a call."""

from bridge.transcript.answering import AnswerTimes
from bridge.transcript.records import AgentSaid, CallerSaid


def told(*records):
    times = AnswerTimes()
    return [ms for record in records if (ms := times.take(record)) is not None]


def caller(start, end):
    return CallerSaid("hello", start, end)


def agent(start, turn=1):
    return AgentSaid(" yes", turn, start, start + 80)


def test_an_answer_is_counted_once_from_the_end_of_the_callers_words():
    assert told(caller(0, 1000), agent(1600), agent(1680)) == [600]


def test_a_greeting_answers_nobody():
    assert told(agent(0), agent(80)) == []


def test_words_spoken_while_the_caller_speaks_are_no_answer_yet():
    assert told(caller(0, 1000), agent(500), agent(1200, 2)) == [200]


def test_a_caller_who_goes_on_is_answered_from_the_end_of_the_last_words():
    assert told(caller(0, 1000), caller(1500, 2500), agent(3000)) == [500]
