"""`callbridge gate`: test and explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bridge.cli.gate import app
from bridge.facts.errors import BridgeError
from bridge.server.journal import transcript_name
from bridge.transcript.records import AgentSaid, AgentUnheard, Call, CallerSaid, Ended, VerdictRecord, write

ROOT = Path(__file__).parents[2]
DENTAL = str(ROOT / "personas" / "dental.yaml")
REFUSAL = "I'm sorry, I can't give any medical advice"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ENGINE", "MODEL_DIR", "PERSONAS_DIR", "DATA_DIR", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str, given: str = "") -> Result:
    result = CliRunner().invoke(app, list(arguments), input=given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def objects(*arguments: str, given: str = "") -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, given=given).output.splitlines()]


def test_a_stopped_sentence_is_left_out_whole_and_the_refusal_is_heard() -> None:
    *tokens, last = objects("test", "--persona", DENTAL, "--text", "Good morning. Take two ibuprofen now.", "--json")
    assert tokens == [
        {"piece": " Good", "action": "pass", "phrase": None},
        {"piece": " morning.", "action": "pass", "phrase": None},
        {"piece": " Take", "action": "pass", "phrase": None},
        {"piece": " two", "action": "pass", "phrase": None},
        {"piece": " ibuprofen", "action": "forbid", "phrase": "ibuprofen"},
        {"piece": " now.", "action": "refuse", "phrase": "ibuprofen"},
    ]
    assert (last["blocked"], last["phrase"]) == (True, "ibuprofen")
    assert last["spoken"].startswith("Good morning. ")
    assert "Take" not in last["spoken"] and "ibuprofen" not in last["spoken"]


def test_text_that_passes_is_spoken_as_it_is() -> None:
    *tokens, last = objects("test", "--persona", DENTAL, "--text", "We open at nine. Bring your card.", "--json")
    assert {token["action"] for token in tokens} == {"pass"}
    assert last == {"blocked": False, "phrase": None, "spoken": "We open at nine. Bring your card."}


@pytest.mark.parametrize("given", ["", "-"])
def test_a_file_gives_one_result_for_each_of_its_lines(tmp_path: Path, given: str) -> None:
    texts = "We open at nine.\n\nAn anti-biotic, perhaps\n"
    (tmp_path / "texts.txt").write_text(texts)
    source = given or str(tmp_path / "texts.txt")
    results = objects("test", "--persona", DENTAL, "--file", source, "--json", given=texts)
    assert [(result["blocked"], result["phrase"]) for result in results] == [(False, None), (True, "antibiotic*")]


def test_with_personaplex_the_tokens_are_the_models_and_the_beginning_of_a_phrase_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("sentencepiece")
    monkeypatch.setenv("ENGINE", "personaplex")
    monkeypatch.setenv("MODEL_DIR", str(ROOT / "tests" / "engine" / "personaplex" / "tiny"))
    *tokens, last = objects("test", "--persona", DENTAL, "--text", "the election", "--json")
    assert "".join(token["piece"] for token in tokens) == " the election"
    assert [token["action"] for token in tokens][-1] == "refuse"
    assert last["blocked"] is True
    assert last["spoken"].startswith("the e")
    assert "election" not in last["spoken"]


def test_with_personaplex_the_hold_of_the_persona_keeps_the_beginning_from_being_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("sentencepiece")
    monkeypatch.setenv("ENGINE", "personaplex")
    monkeypatch.setenv("MODEL_DIR", str(ROOT / "tests" / "engine" / "personaplex" / "tiny"))
    for hold, heard in ((0, "the e"), (4, "the  I'm sorry")):
        path = tmp_path / "dental.yaml"
        path.write_text(Path(DENTAL).read_text() + f"gate:\n  hold: {hold}\n")
        *tokens, last = objects("test", "--persona", str(path), "--text", "the election", "--json")
        assert last["spoken"].startswith(heard)
        assert sum(token["action"] == "forbid" for token in tokens) >= hold


def test_people_get_a_line_for_each_token() -> None:
    output = run("test", "--persona", DENTAL, "--text", "Take an antibiotic").output
    assert output.splitlines()[:3] == [
        "pass    ' Take'",
        "forbid  ' an'  antibiotic*",
        "refuse  ' antibiotic'  antibiotic*",
    ]
    assert output.splitlines()[3].startswith("blocked (antibiotic*): I'm sorry")


def test_a_text_that_no_answer_is_as_long_as_is_refused() -> None:
    with pytest.raises(BridgeError, match="may have 10,000 characters, and this one has 10,001: split it up"):
        run("test", "--persona", DENTAL, "--text", "a" * 10_001)


def test_a_persona_that_is_not_there_is_told() -> None:
    with pytest.raises(BridgeError, match=r"nobody.yaml is not there; personas in .*: .*dental"):
        run("test", "--persona", "nobody", "--text", "hello", "--dir", str(ROOT / "personas"))
    assert run("test", "--persona", DENTAL).exit_code == 2


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    call = Call("ab" * 8, "dental", "+12025550143", "+12025550100", "twilio", "CA0", "2020-01-05T09:30:00.000Z", "x")
    records = [
        call,
        AgentSaid(" Hello.", 1, 0, 800),
        CallerSaid("What helps?", 1000, 2000),
        AgentSaid(" Take", 2, 2400, 2800),
        AgentUnheard("bu", 2, 2960, "gate"),
        VerdictRecord("ibuprofen", "medicine", "agent", "refuse", 2880, "profen", True, " ibu", " i"),
        AgentSaid(" No comment.", 3, 3000, 4000),
        CallerSaid("And aspirin?", 4200, 5000),
        VerdictRecord("aspirin", "medicine", "caller", "refuse", 5100),
        AgentSaid(" No comment.", 4, 5200, 6000),
        Ended("caller_hung_up", "the caller hung up", "2020-01-05T09:30:10.000Z", 10.0),
    ]
    path = tmp_path / transcript_name(call.call_id, call.started_at)
    path.parent.mkdir(parents=True)
    path.write_bytes(write(records))
    return tmp_path


def test_explain_shows_each_verdict_with_what_was_said_around_it_and_what_of_it_was_heard(archive: Path) -> None:
    first, second = run("explain", "abab", "--data-dir", str(archive)).output.strip().split("\n\n")
    assert first.splitlines() == [
        "0:02.8  refuse: ibuprofen (medicine), met by the agent's words",
        "    0:01.0 caller: What helps?",
        "    0:02.4 agent: Take",
        "    0:02.9 agent: bu  [not heard]",
        "    withheld: profen",
        "    Its beginning was heard: i",
        "    0:03.0 agent: No comment.",
        "    0:04.2 caller: And aspirin?",
    ]
    assert second.splitlines()[-2:] == ["    Nothing of it was heard.", "    0:05.2 agent: No comment."]
    one, other = objects("explain", "abab", "--data-dir", str(archive), "--json")
    assert (one["phrase"], one["audible"], one["heard"], len(one["context"])) == ("ibuprofen", True, " i", 3)
    assert [said["text"] for said in one["after"]] == ["No comment.", "And aspirin?"]
    assert (other["speaker"], other["audible"]) == ("caller", False)


HATS = """\
name: hats
business: The Hat Shop
description: a shop for hats
agent_name: Ada
greeting: Hat shop, hello.
refusal: I only know about hats.
allowed:   # and nothing else
  topics: [hats and caps, the opening hours of the shop]
  examples: [Straw hats are on the left., A felt hat costs sixty dollars., We open at nine in the morning.]
  threshold: 0.1   # a guess
"""


@pytest.fixture
def hats(tmp_path: Path) -> Path:
    path = tmp_path / "hats.yaml"
    path.write_text(HATS)
    return path


def test_text_off_the_allowed_topics_is_refused_by_its_sentence(hats: Path) -> None:
    text = "We open at nine. The stock market went up a lot today."
    *tokens, last = objects("test", "--persona", str(hats), "--text", text, "--json")
    assert [token["action"] for token in tokens] == ["pass"] * 4 + ["forbid"] * 7 + ["refuse"]
    assert (last["blocked"], last["spoken"]) == (True, "We open at nine. I only know about hats.")
    assert last["phrase"].startswith("nothing allowed is near")


def test_a_threshold_is_chosen_by_the_personas_examples_and_written_into_its_file(hats: Path) -> None:
    report = json.loads(run("calibrate", "--persona", str(hats), "--json").output)
    assert (report["current"], report["written"]) == (0.1, False)
    assert report["too_few"] == ["examples: 3, and 15 are needed", "off_topic_examples: 0, and 15 are needed"]
    assert report["examples"].pop("everyday") > 40
    assert report["examples"] == {"allowed": 3, "off_topic": 0, "blocked": 0}
    thresholds = [row["threshold"] for row in report["confusion"]]
    assert thresholds == sorted(thresholds) and report["threshold"] in thresholds
    assert report["confusion"][0]["passed_everyday"] >= report["confusion"][-1]["passed_everyday"]
    assert hats.read_text() == HATS
    output = run("calibrate", "--persona", str(hats), "--write").output
    assert "Too few to be sure: off_topic_examples: 0, and 15 are needed." in output
    assert f"threshold: {report['threshold']:.2f} (now 0.10); written into" in output
    assert hats.read_text() == HATS.replace("0.1 ", f"{report['threshold']:.2f} ")
    assert [file.name for file in hats.parent.iterdir()] == ["hats.yaml"]


def test_a_persona_without_allowed_topics_cannot_be_calibrated() -> None:
    with pytest.raises(BridgeError, match="there is nothing to calibrate"):
        run("calibrate", "--persona", str(ROOT / "personas" / "waste.yaml"))
