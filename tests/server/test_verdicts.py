"""What Prometheus is told of the gate."""

from bridge.server.verdicts import MAX_SERIES, OTHER, VerdictCounts
from bridge.transcript.records import VerdictRecord


def verdict(topic="medicine", action="refuse", heard=""):
    return VerdictRecord("ibuprofen", topic, "agent", action, 0, heard=heard, audible=bool(heard))


def test_verdicts_are_counted_by_persona_topic_and_action():
    counts = VerdictCounts()
    for persona, one in [("a", verdict()), ("a", verdict(heard=" ibu")), ("b", verdict()), ("a", verdict(action="x"))]:
        counts.add(persona, one)
    assert dict(counts.items()) == {
        ("a", "medicine", "refuse"): 2,
        ("b", "medicine", "refuse"): 1,
        ("a", "medicine", "x"): 1,
    }
    assert counts.audible == 1


def test_personas_that_change_without_end_do_not_make_series_without_end():
    counts = VerdictCounts()
    for number in range(MAX_SERIES + 50):
        counts.add("a", verdict(topic=f"topic {number}"))
    counts.add("a", verdict(topic="topic 0"))
    found = dict(counts.items())
    assert len(found) == MAX_SERIES + 1
    assert found[OTHER, OTHER, "refuse"] == 50
    assert found["a", "topic 0", "refuse"] == 2
