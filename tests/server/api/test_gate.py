"""The topic gate over HTTP, for a persona that answers calls and for a text that is being written."""

import asyncio
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

DENTAL = (Path(__file__).parents[3] / "personas/dental.yaml").read_text()


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trying(tmp_path_factory, run_server):
    async with run_server(tmp_path_factory.mktemp("gate"), {"dental": DENTAL}) as server:
        address, key = f"{server.local_url}/v1/gate/try", f"Bearer {server.api_key}"
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:

            async def put(text, key=key, **order):
                asked = {"persona": "dental", "text": text} | order
                return await client.post(address, json=asked, headers={"Authorization": key})

            yield put


def marked(answer):
    return [(each["piece"], each["action"]) for each in answer["pieces"]]


async def test_the_agent_s_words_are_judged_word_by_word_and_heard_by_the_sentence(trying):
    answer = (await trying("You may come at nine. Then take an antibiotic twice.")).json()
    assert marked(answer)[-3:] == [(" take", "pass"), (" an", "forbid"), (" antibiotic", "refuse")]
    assert (answer["blocked"], answer["phrase"], answer["heard"]) == (True, "antibiotic*", 5)
    assert answer["spoken"] == f"You may come at nine. {answer['refusal']}"
    assert answer["topic"] in DENTAL
    assert answer["refusal"].startswith("I'm sorry")
    assert answer["action"] in ("refuse", "redirect")
    passed = (await trying("We are open on Saturday.")).json()
    assert (passed["blocked"], passed["heard"], passed["refusal"]) == (False, 5, "")
    assert passed["spoken"] == "We are open on Saturday."
    assert (passed["phrase"], passed["topic"], passed["action"]) == (None, None, None)
    assert (await trying("")).json()["pieces"] == []


async def test_a_caller_s_question_is_heard_and_answered_with_the_refusal(trying):
    answer = (await trying("Can I take antibiotics for my tooth?", speaker="caller")).json()
    assert [piece for piece, action in marked(answer) if action == "refuse"] == [" antibiotics"]
    assert (answer["blocked"], answer["heard"], answer["spoken"]) == (True, 7, answer["refusal"])
    assert not (await trying("When are you open?", speaker="caller")).json()["blocked"]


async def test_a_text_that_is_not_saved_is_tried_with_its_own_rules(trying):
    text = DENTAL.replace("antibiotic*", "marzipan*")
    own = {"persona": None, "yaml": text}
    assert (await trying("Have some marzipan.", **own)).json()["phrase"] == "marzipan*"
    assert not (await trying("Have some antibiotics.", **own)).json()["blocked"]
    assert not (await trying("Have some marzipan.")).json()["blocked"]
    refused = await trying("Hello.", persona=None, yaml="name: dental\nbusines: x")
    assert refused.status_code == 422
    assert {"line": 2, "where": "busines"}.items() <= refused.json()["problems"][0].items() or refused.json()[
        "problems"
    ]


async def test_allowed_topics_are_told_by_meaning_for_both_speakers(trying):
    text = DENTAL + (
        "allowed:\n  topics: [teeth and dentists, appointments]\n  off_topic_examples: [Who won the match?]\n"
        if "\nallowed:" not in DENTAL
        else ""
    )
    own = {"persona": None, "yaml": text}
    answer = (await trying("The capital of Australia is called Canberra.", **own)).json()
    assert (answer["blocked"], answer["topic"]) == (True, "off topic")
    asked = (await trying("Who won the football match yesterday evening?", speaker="caller", **own)).json()
    assert (asked["blocked"], asked["topic"]) == (True, "off topic")


async def test_what_cannot_be_tried_is_refused_with_words(trying):
    assert (await trying("x", persona="nobody")).status_code == 404
    assert (await trying("x", persona="../dental")).status_code == 404
    assert (await trying("x", yaml=DENTAL)).status_code == 422
    assert (await trying("x", persona=None)).status_code == 422
    assert (await trying("x", speaker="nobody")).status_code == 422
    assert (await trying("a" * 10_001)).status_code == 422
    assert (await trying("a" * 10_000)).status_code == 200
    assert (await trying("A. " * 3_333)).status_code == 200
    assert (await trying("x", key="Bearer guess")).status_code == 401


async def test_more_at_once_than_are_let_wait_are_turned_away(trying):
    answers = await asyncio.gather(*(trying(f"Take ibuprofen {number}.") for number in range(60)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(answer.status_code == 200 for answer in answers) >= 32
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503)


async def test_with_personaplex_the_pieces_are_the_model_s_tokens():
    pytest.importorskip("sentencepiece")
    from bridge.persona.load import parse
    from bridge.server.gate_trial import GateTrial

    trial = GateTrial(Path(__file__).parents[2] / "engine/personaplex/tiny")
    tried = trial.put(parse(DENTAL, "dental"), "take an antibiotic now", "agent")
    assert tried.phrase == "antibiotic*"
    assert len(tried.pieces) > 4
    assert len(GateTrial(Path("/nowhere")).put(parse(DENTAL, "dental"), "take an antibiotic now", "agent").pieces) == 3
