"""How many calls the server takes, from what the engine process says of its steps."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.engine import messages
from bridge.facts.settings import Settings
from bridge.server.admission import who_answers, why_nobody
from bridge.server.app import Server
from bridge.server.personas import PersonaBook
from bridge.server.tokens import Ticket


@pytest.fixture
async def server(tmp_path):
    """A server whose engine process is the test: four slots, a tick, and nothing that steps."""
    made = Server(Settings(_env_file=None, engine="echo", port=0, data_dir=tmp_path))
    made.engine.received(0, messages.Ready("echo", 4, tick_ms=80, tick_at=5.0))
    yield made
    made.journal.close(1)
    made.store.close()
    made.socket.close()


def beat(server, **said):
    server.engine.received(0, messages.Beat(1.0, 1 << 20, 10, 0, **said))


async def asked(server, path):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://bridge") as client:
        return await client.get(path)


async def figures(server):
    families = text_string_to_metric_families((await asked(server, "/metrics")).text)
    return {
        " ".join([sample.name, *(sample.labels[name] for name in ("le", "by", "state") if name in sample.labels)]): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


async def test_an_address_that_names_nobody_is_told_by_who_there_is_and_not_by_its_own_words():
    async def prepared(key, persona):
        return None

    book = PersonaBook(Path("personas"), prepared, lambda key: None)
    await book.refresh()
    assert who_answers(book, "dentla", "+12025550100", "dental") is None
    why = why_nobody(book, "dentla")
    assert why.startswith("the persona that its address names is not on duty; there are: appliances, dental, ")
    assert "dentla" not in why
    assert why_nobody(book, None) == "no persona answers this number, and DEFAULT_PERSONA names none"


async def test_monitors_that_ask_for_the_head_of_health_get_its_status(server):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://bridge") as client:
        answers = [await client.request(method, "/health") for method in ("GET", "HEAD")]
    assert answers[0].status_code == answers[1].status_code == 503  # it is starting


async def test_every_slot_is_free_until_the_engine_has_measured(server):
    assert server.switchboard.free == 4
    beat(server)
    assert server.switchboard.free == 4


async def test_no_more_calls_are_taken_than_the_engine_steps_in_time(server):
    beat(server, limit=2)
    assert server.switchboard.free == 2
    server.engine.open("key")
    server.switchboard.tokens.issue(Ticket("id", "CA1", None, "key", "", "", record=False))
    assert server.switchboard.free == 0
    assert (await asked(server, "/health")).json() | {"admitted": 2, "capacity": 4, "free": 0, "shedding": False} == (
        await asked(server, "/health")
    ).json()


async def test_no_more_calls_are_taken_than_the_engine_can_remember(server):
    beat(server, limit=3, memory_calls=1, kv_used_bytes=5, kv_reserved_bytes=9)
    assert server.switchboard.free == 1
    seen = await figures(server)
    assert (seen["callbridge_kv_bytes used"], seen["callbridge_kv_bytes reserved"]) == (5, 9)
    assert (seen["callbridge_slots_bound memory"], seen["callbridge_slots_bound tick_time"]) == (1, 3)
    told = (await asked(server, "/health")).json()
    assert (told["admitted"], told["admitted_by_memory"], told["admitted_by_tick_time"]) == (1, 1, 3)
    assert (told["kv_used_bytes"], told["kv_reserved_bytes"]) == (5, 9)
    server.engine.open("key")
    assert server.switchboard.free == 0
    beat(server, limit=3)
    assert server.switchboard.free == 2


async def test_a_call_that_was_promised_a_slot_is_seated_though_the_limit_has_fallen(server):
    for _ in range(3):
        server.engine.open("key")
    beat(server, limit=1)
    assert server.switchboard.free == 0
    server.engine.open("key")


async def test_while_the_engine_sheds_no_call_is_taken_but_a_lone_one(server, caplog):
    beat(server, limit=3, shedding=True)
    assert server.switchboard.free == 3
    server.engine.open("key")
    assert server.switchboard.free == 0
    assert (await asked(server, "/health")).json()["shedding"] is True
    assert (await figures(server))["callbridge_engine_shedding"] == 1
    assert "two steps in a row took too long" in caplog.text
    beat(server, limit=3)
    assert server.switchboard.free == 2


async def test_late_ticks_step_times_and_waits_are_exported(server):
    assert (await figures(server))["callbridge_step_seconds_count"] == 0
    steps, waits = (0, 1, 2, *[0] * 9), (3, *[0] * 10, 4)
    beat(server, limit=4, late_ticks=5, missed_ticks=6, step_counts=steps, step_seconds=0.5, wait_counts=waits)
    seen = await figures(server)
    assert (seen["callbridge_engine_late_ticks_total"], seen["callbridge_engine_missed_ticks_total"]) == (5, 6)
    assert [seen[f"callbridge_step_seconds_bucket {bound}"] for bound in ("0.005", "0.01", "0.02")] == [0, 1, 3]
    assert (seen["callbridge_step_seconds_count"], seen["callbridge_step_seconds_sum"]) == (3, 0.5)
    assert seen["callbridge_frame_wait_seconds_bucket 0.32"] == 3
    assert seen["callbridge_frame_wait_seconds_bucket +Inf"] == 7
    assert (seen["callbridge_slots_admitted"], seen["callbridge_slots"]) == (4, 4)


async def test_a_process_that_takes_the_place_of_another_begins_with_all_its_slots(server):
    beat(server, limit=1, shedding=True)
    server.engine.received(0, messages.Ready("echo", 4))
    assert (server.engine.limit, server.engine.shedding, server.engine.ticks) == (4, False, None)
