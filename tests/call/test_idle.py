"""A silent caller is asked once for each silence."""

from bridge.call.idle import IdleWatch


def test_idle_asks_once_and_ends_once_for_a_silence():
    watch = IdleWatch(10)
    assert [watch.due(at) for at in (5, 10, 15, 20, 25, 60)] == ["", "ask", "", "end", "", ""]


def test_idle_begins_anew_when_the_caller_answers():
    watch = IdleWatch(10)
    assert watch.due(10) == "ask"
    watch.activity(12)
    assert [watch.due(at) for at in (20, 22, 32)] == ["", "ask", "end"]


def test_the_agents_own_question_does_not_count_as_an_answer():
    watch = IdleWatch(10)
    assert watch.due(10) == "ask"
    watch.activity(12, caller=False)
    assert [watch.due(at) for at in (20, 22)] == ["", "end"]
