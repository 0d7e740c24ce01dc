from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.facts.errors import PersonaError
from bridge.persona.load import MAX_BYTES, PersonaFileError, check_all, examine, parse
from bridge.persona.schema import Persona

SHIPPED = sorted((Path(__file__).parents[2] / "personas").glob("*.yaml"))

GOOD = """\
name: shop
business: The Shop
description: a shop
agent_name: Anna
numbers:
  - +12025550101
greeting: Hello, The Shop here.
facts:
  - ask:
      - When are you open?
    answer: From 9 a.m. to 5 p.m.
blocked:
  - topic: politics
    words:
      - election
refusal: I can't talk about that.
transfer: +12025550102
"""


def said(text: str, name: str = "shop") -> list[str]:
    return [str(problem) for problem in examine(text, name).problems]


def warned(text: str) -> list[str]:
    return [str(warning) for warning in examine(text, "shop").warnings]


def test_a_good_file_gives_its_persona_without_problems_or_warnings() -> None:
    report = examine(GOOD, "shop")
    assert (report.problems, report.warnings) == ((), ())
    assert parse(GOOD, "shop") == report.persona
    assert report.persona is not None
    assert report.persona.facts[0].answer == "From 9 a.m. to 5 p.m."


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_persona_is_good_and_complete(path: Path) -> None:
    report = examine(path.read_text("utf-8"), path.stem)
    assert (report.problems, report.warnings) == ((), ())
    persona = report.persona
    assert persona is not None
    assert 12 <= len(persona.facts) <= 25
    assert 2 <= len(persona.blocked) <= 4
    assert persona.numbers
    assert persona.transfer
    assert all(topic.examples for topic in persona.blocked)


def test_the_five_businesses_ship_and_share_no_number() -> None:
    assert [path.stem for path in SHIPPED] == ["appliances", "dental", "drones", "restaurant", "waste"]
    reports = check_all([(path.stem, path.read_text("utf-8")) for path in SHIPPED])
    assert not [problem for report in reports for problem in report.problems]
    transfers = [report.persona.transfer for report in reports if report.persona]
    assert len(set(transfers)) == len(SHIPPED)


def test_everything_wrong_is_told_at_once_in_order_of_line() -> None:
    text = GOOD.replace("refusal: I can't talk about that.", "refusal: ''").replace(
        "agent_name: Anna", "agentname: Anna"
    )
    text = text.replace("+12025550101", "0202 555 0101") + "limits:\n  call_seconds: long\n"
    assert said(text) == [
        "1:1: agent_name: is missing (such as: Anna)",
        "4:1: agentname: there is no such key (did you mean agent_name?)",
        "6:5: numbers #1: '0202 555 0101' is not a phone number in E.164 form, like +12025550143 "
        "(a plus, the country code, and the number, without spaces)",
        "16:1: refusal: is empty (such as: I'm sorry, I can't talk about that.)",
        "19:3: limits, call_seconds: must be a whole number, and is 'long'",
    ]


def test_a_topic_that_puts_callers_through_needs_a_number_and_no_topic_may_stand_twice() -> None:
    twice = GOOD.replace("refusal:", "  - topic: politics\n    action: transfer\n    words: [senate]\nrefusal:", 1)
    assert said(twice) == ["16:5: blocked #2, topic: 'politics' is listed twice (put both into one entry)"]
    (line,) = said(twice.replace("topic: politics", "topic: law", 1).replace("transfer: +12025550102", ""))
    assert line.startswith("17:5: blocked #2, action: is transfer, but there is no transfer number")


def test_a_rule_that_stops_lines_of_the_engines_own_is_warned_of() -> None:
    (warning,) = warned(GOOD.replace("- election", "- finding an answer"))
    assert warning.startswith("15:9: blocked #1, words #1: 'finding an answer' also stops what the CPU engine says")
    assert "“I'm sorry, I'm having trouble finding an answer just now." in warning
    assert not warned(GOOD.replace("- election", "- Hallo"))
    assert any("“Hallo! Was kann" in line for line in warned(GOOD.replace("- election", "- Hallo") + "language: de\n"))


def test_numbers_that_must_not_be_told_are_checked_like_phrases() -> None:
    near = "    numbers:\n      near: [9 a.m., morn*ing]\n    words:"
    assert "blocked #1, numbers, near #2: 'morn*ing': a * may stand" in said(GOOD.replace("    words:", near))[0]
    numbers = "    numbers:\n      near: [from]\n      kind: any\n    words:"
    (problem,) = said(GOOD.replace("    words:", numbers))
    assert "answer: contains 'From 9', which 'a number near from' under blocked forbids to say" in problem
    (problem,) = said(GOOD.replace("    words:", "    numbers:\n      kind: any\n    words:"))
    assert "kind: any needs at least one word under near" in problem


@pytest.mark.parametrize(
    ("when_full", "complaint"),
    [
        ("{action: elsewhere}", "when_full: action is elsewhere, but there is no `to`"),
        ("{action: sing}", "when_full, action: 'sing' is not possible here"),
        ("{to: somewhere}", "when_full, to: 'somewhere' is neither a phone number like +12025550143 nor an address"),
        ("{to: 'https://a b.example/'}", "when_full, to: 'https://a b.example/' is neither"),
        ("{place_say: You are next.}", "when_full, place_say: must have {place} in it, once"),
        ("{longest_wait: 5}", "when_full, longest_wait: must be at least 30, and is 5"),
    ],
)
def test_what_callers_hear_who_find_no_free_line_is_checked(when_full: str, complaint: str) -> None:
    (line,) = said(f"{GOOD}when_full: {when_full}\n")
    assert complaint in line


@pytest.mark.parametrize(
    "to", ["+12025550143", "https://two.example.com/twilio/voice?persona=shop", "http://[::1]:9/v"]
)
def test_callers_who_find_no_free_line_can_be_sent_to_a_number_or_another_bridge(to: str) -> None:
    assert said(f"{GOOD}when_full: {{action: elsewhere, to: '{to}'}}\n") == []


def test_allowed_topics_are_checked_like_blocked_ones() -> None:
    allowed = "allowed:\n  topics: [hats]\n  action: transfer\n  refusal: No election.\nrefusal:"
    text = GOOD.replace("refusal:", allowed, 1).replace("transfer: +12025550102\n", "")
    assert said(text) == [
        "18:3: allowed, action: is transfer, but there is no transfer number "
        "(add a line such as transfer: +12025550143)",
        "19:3: allowed, refusal: contains 'election', which 'election' under blocked forbids to say "
        "(reword it, or narrow the blocked phrase)",
    ]
    (warning,) = warned(GOOD + "allowed: {topics: [hats]}\n")
    assert "allowed: has 0 off_topic_examples; 15 and more make its threshold sure" in warning
    (problem,) = said(GOOD.replace("topic: politics", "topic: off topic") + "allowed: {topics: [hats]}\n")
    assert "'off topic' is listed twice" in problem
    assert "allowed, topics: is missing (a list of topics" in said(GOOD + "allowed: {threshold: 0.3}\n")[0]


def test_lines_of_the_carriers_voice_are_not_the_gates_to_stop() -> None:
    for line in ("busy_say: The election keeps us busy.", "hold_say: No election today."):
        assert said(f"{GOOD}when_full: {{{line}}}\n") == []


def test_another_bridge_that_is_not_reached_over_tls_is_warned_of() -> None:
    (warning,) = warned(f"{GOOD}when_full: {{action: elsewhere, to: 'http://two.example.com/twilio/voice'}}\n")
    assert "when_full, to: is not encrypted" in warning


def test_parse_raises_one_error_whose_message_lists_all_problems() -> None:
    with pytest.raises(PersonaError) as caught:
        parse("name: other\nrefusal:\n", "shop")
    assert isinstance(caught.value, PersonaFileError)
    assert len(caught.value.problems) == 6
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert all(line.startswith("shop.yaml:") for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: shop", "name: shoe", "1:1: name: 'shoe' is not the file's name"),
        ("agent_name: Anna", "agent_name: Anna\nagent_name: Eve", "5:1: agent_name: is given twice"),
        ("- +12025550101", "- +12025550101\n  - +12025550101", "7:5: numbers #2: +12025550101 is listed twice"),
        ("- +12025550101", "- +1 (202) 555-0101", "(write it as +12025550101)"),
        ("numbers:\n  - +12025550101", "numbers: +12025550101", "5:1: numbers: must be a list"),
        ("greeting: Hello", "greeting: Our ELECTION, hello", "7:1: greeting: contains 'ELECTION', which 'election'"),
        ("From 9 a.m.", "After the elections, 9 a.m.", "11:5: facts #1, answer: contains 'elections'"),
        ("I can't talk about that", "Not on elec-tion", "16:1: refusal: contains 'elec-tion'"),
        ("- election", "- person", "unknown, offer_transfer: contains 'person'"),
        ("- election", "- '...'", "15:9: blocked #1, words #1: '...' has no letters or digits"),
        ("- election", "- elec*tion", "a * may stand only at the very end"),
        ("    words:\n      - election\n", "", "blocked #1: a blocked topic needs at least one entry under words or"),
        ("- When are you open?", "- ''", "10:9: facts #1, ask #1: is empty"),
        ("      - When are you open?\n", "", "facts #1, ask: is empty"),
        ("description: a shop", "description: a <system> shop", "3:1: description: contains <system>"),
        ("description: a shop", 'description: "a \\0 shop"', "description: contains a control character"),
        ("description: a shop", "description: " + "x" * 700, "has 700 characters; 600 are allowed"),
        ("transfer: +12025550102", "after_refusals:\n  action: transfer", "18:3: after_refusals, action: is transfer"),
        ("transfer: +12025550102", "after_refusals:\n  action: tranfer", "(did you mean transfer?)"),
        ("    words:", "    action: redirect\n    words:", "blocked #1: action: redirect needs a question"),
        ("    words:", "    question: Why?\n    words:", "a question is asked with action: redirect only"),
        ("    words:", "    action: redirect\n    question: Election?\n    words:", "question: contains 'Election'"),
        ("    words:", "    refusal: No elections.\n    words:", "blocked #1, refusal: contains 'elections'"),
        ("transfer: +12025550102", "after_refusals:\n  count: 99", "count: must be at most 20, and is 99"),
        ("transfer: +12025550102", "listening:\n  barge_in: perhaps", "listening, barge_in: must be yes or no"),
        ("transfer: +12025550102", "language: English", "17:1: language: 'English' is not possible here"),
        ("transfer: +12025550102", "unknown: none", "unknown: must be a group of keys"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_words_at_its_place(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert [line for line in said(GOOD.replace(old, new)) if expected in line], said(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "there are no keys in this file"),
        ("- a\n- b\n", "there are no keys in this file"),
        ("name: a: b\n", "1:8: not valid YAML: mapping values are not allowed here (a text with a colon in it needs"),
        ("name:\n\t- x\n", "indent with spaces; YAML does not allow tabs"),
        ("ask: [When?, Why?]\n", "inside [ ] a question needs quotes"),
        ("name: 'x\n", "a quote or bracket is never closed"),
        ("name: x\n---\nname: y\n", "2:1: a second document begins here"),
        ("a: &x [1]\nb: *x\n", "1:4: anchors and aliases are not used in personas"),
        ("a: !!python/object:os.system x\n", "1:4: tags are not used in personas"),
        ("a: x\x00y\n", "1:5: a character that no text file should have (U+0000)"),
        ("[" * 5000, "lists and keys are nested too deeply"),
        ("x" * (MAX_BYTES + 1), "the file has 65,537 bytes; a persona may have 65,536"),
        ("? [a]\n: b\n", "a key must be a single word"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_refused_with_its_reason(text: str, expected: str) -> None:
    assert [line for line in said(text) if expected in line], said(text)


def test_texts_stay_as_they_are_written_and_numbers_need_no_quotes() -> None:
    text = GOOD.replace("- election", "- no\n      - 1.90\n      - 9:30\n      - 2024-01-01")
    persona = parse(text, "shop")
    assert persona.blocked[0].words == ("no", "1.90", "9:30", "2024-01-01")
    assert persona.numbers == ("+12025550101",)


def test_a_number_in_two_files_is_an_error_in_both() -> None:
    other = GOOD.replace("name: shop", "name: store")
    first, second = check_all([("shop", GOOD), ("store", other)])
    assert [str(p) for p in first.problems] == [
        "6:5: numbers: +12025550101 is answered by store too (a number can reach one persona only)"
    ]
    assert [str(p) for p in second.problems] == [
        "6:5: numbers: +12025550101 is answered by shop too (a number can reach one persona only)"
    ]
    assert (first.persona, second.persona) == (None, None)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("transfer: +12025550102\n", "", "transfer: is missing"),
        ("transfer: +12025550102", "language: de", "the CPU engine understands English only"),
        ("transfer: +12025550102", "information: " + "Word. " * 600, "more than 3,000 crowd out the conversation"),
        ("transfer: +12025550102", "information: Ask us about the election.", "information: contains 'election'"),
        ("- election", "- Iran", "'Iran' is also met by “i ran”"),
        ("- election", "- qx*", "'qx*' blocks every word that begins with these letters"),
        ("- When are you open?", "- Are you open on election day?", "meets the blocked 'election'"),
    ],
)
def test_what_works_but_should_be_known_is_a_warning(old: str, new: str, expected: str) -> None:
    text = GOOD.replace(old, new)
    assert said(text) == []
    assert [line for line in warned(text) if expected in line], warned(text)


def test_a_question_with_two_answers_is_a_warning() -> None:
    second = "  - ask: [when are you OPEN]\n    answer: At noon.\nblocked:"
    assert "fact #1 is asked for in the same words" in warned(GOOD.replace("blocked:", second))[0]


def test_a_persona_without_facts_is_told_that_it_can_answer_nothing() -> None:
    text = GOOD.replace(GOOD[GOOD.index("facts:") : GOOD.index("blocked:")], "")
    assert [line for line in warned(text) if "facts: are missing" in line]


@given(st.text(max_size=200))
def test_no_text_at_all_makes_the_check_fail(text: str) -> None:
    report = examine(text, "shop")
    assert report.persona is None
    assert report.problems


@given(st.data())
def test_no_damage_to_a_good_file_makes_the_check_fail(data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(begin, min(len(GOOD), begin + 30)))
    instead = data.draw(st.text("ab:-#&*!|>[]{}'\"\n \t0+,%@?\u2028é", max_size=12))
    report = examine(GOOD[:begin] + instead + GOOD[end:], "shop")
    assert (report.persona is None) == bool(report.problems)
    for problem in report.problems + report.warnings:
        assert 1 <= problem.line <= GOOD.count("\n") + 14
        assert problem.what


def test_check_states_what_holding_the_agent_back_costs() -> None:
    warnings = examine(GOOD + "gate:\n  hold: 3\n", "shop").warnings
    told = [(warning.where, warning.what) for warning in warnings]
    assert ("gate, hold", "PersonaPlex is heard 240 ms later, all the time") in told


RECORDED = (
    GOOD
    + """\
recording:
  notice: This call is recorded. Press 8 if you do not want that.
  opt_out_key: 8
"""
)


def test_a_notice_of_recording_and_its_key_are_taken_as_they_are_written() -> None:
    report = examine(RECORDED, "shop")
    assert (report.problems, report.warnings) == ((), ())
    assert report.persona is not None
    assert report.persona.recording is not None
    assert report.persona.recording.opt_out_key == "8"


def test_a_key_that_no_telephone_has_and_a_notice_without_words_are_mistakes() -> None:
    told = said(RECORDED.replace("opt_out_key: 8", "opt_out_key: 88").replace("This call is recorded. Press 8", "''#"))
    assert len(told) == 2
    assert "recording, notice: is empty (such as: This call is recorded." in told[0]
    assert "recording, opt_out_key: '88' is not possible here (one key of a telephone" in told[1]


@pytest.mark.parametrize("words", ["Press 8 if", "Press eight if", "Press the * or 8 if"])
def test_a_notice_should_name_its_key(words: str) -> None:
    assert warned(RECORDED.replace("Press 8 if", words)) == []
    assert "does not tell callers of the opt_out_key 9" in warned(RECORDED.replace("key: 8", "key: 9"))[0]


def test_the_notice_must_not_contain_what_is_blocked() -> None:
    text = RECORDED.replace("- election", "- recorded")
    assert any("recording, notice: contains 'recorded'" in problem for problem in said(text))
    assert not any("recorded" in problem for problem in said(GOOD.replace("- election", "- recorded")))


def test_keys_are_read_short_and_long() -> None:
    workshop = "{then: transfer, to: '+12025550103'}"
    keys = f"keys:\n  0: transfer\n  1:\n    say: From 9 to 5.\n  2: {workshop}\n  '#': hangup\n"
    report = examine(GOOD + keys, "shop")
    assert report.problems == ()
    assert report.persona is not None
    acts = {key: (act.then, act.say, act.to) for key, act in report.persona.keys.items()}
    assert acts == {
        "0": ("transfer", None, None),
        "1": ("continue", "From 9 to 5.", None),
        "2": ("transfer", None, "+12025550103"),
        "#": ("hangup", None, None),
    }
    again = Persona.model_validate_json(report.persona.model_dump_json())
    assert (again, hash(again)) == (report.persona, hash(report.persona))
    with pytest.raises(TypeError, match="does not change"):
        report.persona.keys["3"] = report.persona.keys["0"]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            "  12: transfer",
            "keys, 12, [key]: '12' is not possible here (one key of a telephone: a digit, or",
        ),
        ("  1: sing", "keys, 1, then: 'sing' is not possible here (there are continue, transfer, hangup, never_call)"),
        ("  1: continue", "keys, 1: a key needs something to say, or then: transfer or hangup"),
        ("  1:\n    tell: Hello.", "keys, 1, tell: there is no such key (there are then, say, to)"),
        (
            "  1:\n    say: Vote in the election!",
            "keys, 1, say: contains 'election', which",
        ),
        ("  1:\n    say: Hi.\n    to: +12025550103", "keys, 1: to is for then: transfer"),
    ],
)
def test_what_is_wrong_with_keys_is_told(keys: str, problem: str) -> None:
    assert any(problem in told for told in said(f"{GOOD}keys:\n{keys}\n")), said(f"{GOOD}keys:\n{keys}\n")


def test_a_key_that_puts_through_to_nobody_or_means_two_things_is_told() -> None:
    text = GOOD.replace("transfer: +12025550102\n", "")
    assert any("keys, 0: is transfer, but there is no" in told for told in said(text + "keys:\n  0: transfer\n"))
    assert said(text + "keys:\n  0:\n    then: transfer\n    to: +12025550103\n") == []
    twice = "recording:\n  notice: Recorded. Press 8.\n  opt_out_key: 8\nkeys:\n  8: hangup\n"
    assert any("keys, 8: is the recording's opt_out_key too" in told for told in said(GOOD + twice))
