"""How a call comes to its end: what is asked for, what is wished, what is talked over."""

import pytest

from bridge.audio.playout import Piece
from bridge.call.parting import ANNOUNCE_SECONDS, MARK_GRACE_SECONDS, Parting
from bridge.persona.schema import Persona

PERSON, OTHER = "+12025550112", "+12025550113"


def piece(mark=1, end=8000):
    return Piece(0, end, "", 1, mark)


@pytest.fixture
def parting():
    words = {"name": "shop", "business": "A", "description": "a", "agent_name": "A", "greeting": "H", "refusal": "N"}
    return Parting(Persona.model_validate(words | {"transfer": PERSON}))


def test_a_goodbye_ends_the_call_once_it_has_been_heard(parting):
    assert parting.wish("hangup", piece(2)) == "caller"
    assert parting.said
    assert parting.heard(piece(1)) is None
    assert parting.heard(piece(2)).how == "agent_goodbye"


def test_a_goodbye_that_is_talked_over_is_none(parting):
    parting.wish("hangup", piece())
    assert parting.cleared(by_gate=False) is None
    assert not parting.said
    assert parting.heard(piece()) is None


def test_a_transfer_goes_to_the_personas_person_and_says_who_wanted_it(parting):
    parting.gate("transfer")
    assert parting.wish("transfer", piece()) == "gate"
    outcome = parting.heard(piece())
    assert (outcome.how, outcome.person) == ("transfer", PERSON)
    assert "the topic gate" in outcome.reason


def test_what_the_gate_wanted_is_forgotten_when_it_is_talked_over(parting):
    parting.gate("hangup")
    assert parting.how == "gate_hangup"
    parting.cleared(by_gate=True)
    assert parting.how == "gate_hangup"
    parting.cleared(by_gate=False)
    assert parting.how == "agent_goodbye"
    parting.gate("transfer")
    parting.cleared(by_gate=False)
    assert parting.wish("transfer", piece()) == "caller"


def test_what_a_key_asked_for_goes_to_its_own_person_and_happens_once(parting):
    assert parting.ask("transfer", "key", 3.0, OTHER)
    assert not parting.ask("hangup", "operator", 4.0)
    assert parting.wish("transfer", piece()) == "key"
    assert parting.heard(piece()).person == OTHER


def test_nobody_is_put_through_to_nobody():
    words = {"name": "shop", "business": "A", "description": "a", "agent_name": "A", "greeting": "H", "refusal": "N"}
    parting = Parting(Persona.model_validate(words))
    assert not parting.ask("transfer", "operator", 0.0)
    assert parting.ask("transfer", "operator", 0.0, OTHER)


def test_talking_over_the_announcement_does_not_keep_from_what_was_asked_for(parting):
    parting.ask("transfer", "key", 3.0)
    assert parting.cleared(by_gate=False) is None  # what was being said gives way to the announcement
    parting.spoke()
    outcome = parting.cleared(by_gate=False)
    assert (outcome.how, outcome.person) == ("transfer", PERSON)


def test_an_announcement_that_is_never_spoken_does_not_keep_from_it_either(parting):
    parting.ask("hangup", "operator", 3.0)
    assert parting.overdue(3.0 + ANNOUNCE_SECONDS) is None
    assert parting.overdue(3.1 + ANNOUNCE_SECONDS).how == "operator_hangup"


def test_a_mark_that_does_not_come_back_is_late_after_its_grace(parting):
    assert not parting.mark_is_late(1e9)
    parting.wish("hangup", piece(end=8000))
    assert not parting.mark_is_late(1.0 + MARK_GRACE_SECONDS)
    assert parting.mark_is_late(1.1 + MARK_GRACE_SECONDS)


def test_a_call_that_is_too_long_stays_so_when_its_goodbye_is_talked_over(parting):
    parting.how = "too_long"
    parting.wish("hangup", piece())
    parting.cleared(by_gate=False)
    parting.wish("hangup", piece(2))
    assert parting.heard(piece(2)).how == "too_long"
