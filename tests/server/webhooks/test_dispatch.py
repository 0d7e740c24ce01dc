"""Every letter is tried until it is taken, on a clock that the test turns, at a receiver on a real socket."""

from __future__ import annotations

import asyncio
import random
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.server.webhooks import delivery as delivery_module
from bridge.server.webhooks import dispatch as module
from bridge.server.webhooks.delivery import Delivery
from bridge.server.webhooks.dispatch import LONGEST_PAUSE, MAX_ATTEMPTS, Dispatcher, pause_after
from bridge.server.webhooks.outbox import Letter, Outbox, new_id
from bridge.server.webhooks.signature import problem
from bridge.server.webhooks.target import parse_target

SECRET = "0123456789abcdef"
START = 1_767_225_600.0


class Office:
    """Outbox, delivery and dispatcher around a clock of the test's own."""

    def __init__(self, data_dir: Path, url: str) -> None:
        self.now = START
        self.outbox = Outbox(data_dir)
        self.delivery = Delivery(parse_target(url), SECRET, lambda: self.now)
        self.dispatcher = Dispatcher(self.outbox, self.delivery.attempt, lambda: self.now, random.Random(1))
        self.sent = 0

    def put(self) -> Letter:
        self.sent += 1
        letter = Letter(new_id(self.now + self.sent), "call.ended", f"{self.sent:016x}", {"n": self.sent})
        self.outbox.put(letter)
        return letter

    async def turn(self, seconds: float = 0.0) -> None:
        self.now += seconds
        await self.dispatcher.deliver_due()

    @property
    def waiting(self) -> list[Letter]:
        return list(self.outbox.letters(self.outbox.queue))


@pytest.fixture
async def office(tmp_path: Path) -> Any:
    made: list[Office] = []

    def make(url: str) -> Office:
        made.append(Office(tmp_path, url))
        return made[-1]

    yield make
    for one in made:
        await one.delivery.close()


async def test_a_letter_is_sent_once_with_its_id_and_a_signature_over_its_bytes(receive: Any, office: Any) -> None:
    async with receive(200) as receiver:
        post = office(receiver.url)
        letter = post.put()
        await post.turn()
        await post.turn(3600)
    [request] = receiver.requests
    assert request.path == "/calls?from=bridge"
    assert request.json == {"n": 1}
    assert request.headers["callbridge-id"] == letter.id
    assert request.headers["callbridge-event"] == "call.ended"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert problem(SECRET, request.body, request.headers["callbridge-signature"], START) == ""
    assert post.waiting == []
    assert post.dispatcher.counters.delivered == 1


async def test_a_receiver_that_fails_is_tried_again_with_growing_pauses_and_the_same_body(
    receive: Any, office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with receive(500, "close", "half", 503, 200) as receiver:
        post = office(receiver.url)
        letter = post.put()
        for failed, longest in enumerate((5, 10, 20, 40), 1):
            await post.turn()
            [waiting] = post.waiting
            assert (waiting.attempts, waiting.id) == (failed, letter.id)
            assert longest / 2 <= waiting.not_before - post.now <= longest
            before = len(receiver.requests)
            await post.turn(waiting.not_before - post.now - 0.1)
            assert len(receiver.requests) == before  # not yet
            post.now += 0.2
        await post.turn()
        assert post.waiting == []
    assert len(receiver.requests) == 5
    assert len({request.body for request in receiver.requests}) == 1
    assert len({request.headers["callbridge-signature"] for request in receiver.requests}) == 5
    assert "answered 500; again in" in caplog.text


async def test_a_receiver_that_hangs_is_given_up_in_time_and_keeps_no_other_letter(
    receive: Any, office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "ATTEMPT_SECONDS", 0.2)
    async with receive("hang", 200) as receiver:
        post = office(receiver.url)
        post.put()
        post.put()
        async with asyncio.timeout(5):
            await post.turn()
        [waiting] = post.waiting
        assert "did not answer within 0.2 s" in waiting.last_error
        await post.turn(10)
    assert post.waiting == []


async def test_a_redirect_is_a_failure_and_is_not_followed(receive: Any, office: Any) -> None:
    async with receive(200) as other, receive((307, {"Location": other.url})) as receiver:
        post = office(receiver.url)
        post.put()
        await post.turn()
        assert "redirects (307), which is not followed" in post.waiting[0].last_error
        assert other.requests == []


@pytest.mark.parametrize(("asked", "pause"), [("120", 120.0), ("99999999", LONGEST_PAUSE), ("soon", None)])
async def test_a_receiver_may_ask_for_a_pause_within_reason(
    receive: Any, office: Any, asked: str, pause: float | None
) -> None:
    async with receive((429, {"Retry-After": asked})) as receiver:
        post = office(receiver.url)
        post.put()
        await post.turn()
        given = post.waiting[0].not_before - post.now
        assert given == pytest.approx(pause) if pause else given <= 5


async def test_a_letter_that_nobody_takes_becomes_a_dead_one(
    receive: Any, office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with receive(500) as receiver:
        post = office(receiver.url)
        letter = post.put()
        for _ in range(MAX_ATTEMPTS):
            await post.turn(LONGEST_PAUSE)
        assert len(receiver.requests) == MAX_ATTEMPTS
        assert post.waiting == []
        [dead] = post.outbox.letters(post.outbox.dead)
        assert (dead.id, dead.attempts, dead.last_error) == (letter.id, MAX_ATTEMPTS, "127.0.0.1 answered 500")
        assert "is given up after 16 attempts" in caplog.text
        receiver.answers = [200]
        post.outbox.revive(dead)
        await post.turn()
    assert receiver.requests[-1].headers["callbridge-id"] == letter.id
    assert post.outbox.dead_letters() == []


async def test_attempts_and_pauses_survive_a_restart(receive: Any, office: Any) -> None:
    async with receive(500) as receiver:
        first = office(receiver.url)
        first.put()
        await first.turn()
        first.dispatcher.stop()
        second = office(receiver.url)
        second.now = first.now
        await second.turn(0.1)
        assert len(receiver.requests) == 1
        await second.turn(5)
        assert second.waiting[0].attempts == 2


async def test_of_two_servers_with_one_folder_one_delivers_until_it_ends(receive: Any, office: Any) -> None:
    async with receive(200) as receiver:
        first, second = office(receiver.url), office(receiver.url)
        await first.turn()
        second.put()
        await second.turn()
        assert receiver.requests == []
        first.dispatcher.stop()
        await second.turn()
    assert len(receiver.requests) == 1


async def test_nobody_at_the_address_is_a_failure_like_any_other(office: Any) -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    post = office(f"http://127.0.0.1:{port}/")
    post.put()
    await post.turn()
    assert "out of reach" in post.waiting[0].last_error


async def test_a_letter_that_is_held_waits_and_goes_out_as_it_then_is(receive: Any, office: Any) -> None:
    async with receive(200) as receiver:
        post = office(receiver.url)
        letter = post.put()
        post.dispatcher.hold(letter.name)
        await post.turn(3600)
        assert receiver.requests == []
        post.outbox.save(Letter(letter.id, letter.event, letter.call_id, {"n": 1, "summary": "short"}))
        post.dispatcher.release(letter.name)
        await post.turn()
    assert receiver.requests[0].json["summary"] == "short"


async def test_what_is_forgotten_while_it_waits_is_not_sent(receive: Any, office: Any) -> None:
    async with receive(500) as receiver:
        post = office(receiver.url)
        letter = post.put()
        await post.turn()
        post.outbox.forget([letter.call_id])
        await post.turn(3600)
    assert len(receiver.requests) == 1


async def test_a_crowd_of_letters_is_worked_off_in_order_and_in_rounds(
    receive: Any, office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)
    monkeypatch.setattr(module, "ROUND", 10)
    async with receive(200) as receiver:
        post = office(receiver.url)
        for _ in range(25):
            post.put()
        assert [await post.dispatcher.deliver_due() > 0 for _ in range(3)] == [False, False, True]
    assert [request.json["n"] for request in receiver.requests] == list(range(1, 26))


async def test_a_folder_that_cannot_be_used_is_told_once_and_once_when_it_can(
    receive: Any, office: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "webhooks").write_text("a file where the folder should be")
    async with receive(200) as receiver:
        post = office(receiver.url)
        await post.turn()
        await post.turn()
        (tmp_path / "webhooks").unlink()
        await post.turn()
        assert caplog.text.count("webhooks wait") == 1
        assert caplog.text.count("webhooks are sent again") == 1
        post.put()
        await post.turn()
    assert len(receiver.requests) == 1


def test_pauses_double_up_to_four_hours_and_are_shortened_by_chance() -> None:
    chance = random.Random(7)
    pauses = [pause_after(attempts, chance) for attempts in range(1, MAX_ATTEMPTS)]
    assert all(min(14_400, 5 * 2**n) / 2 <= pause <= min(14_400, 5 * 2**n) for n, pause in enumerate(pauses))
    assert 9 * 3600 - 3600 < sum(pauses) < 18 * 3600


# -- TLS


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The receiver's side for `name`, and the trust of one who knows its certificate."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += [
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
        "-subj",
        f"/CN={name}",
        "-addext",
        f"subjectAltName=DNS:{name}",
    ]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


async def here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def test_the_certificate_must_be_that_of_the_name_although_the_address_is_called(
    receive: Any, tmp_path: Path
) -> None:
    server, trust = certificate(tmp_path, "crm.example.com")
    letter = Letter(new_id(START), "call.ended", "test", {})
    async with receive(200, ssl=server) as receiver:
        outcomes = []
        for name, trusted in (("crm.example.com", trust), ("other.example.com", trust), ("crm.example.com", None)):
            target = parse_target(f"https://{name}:{receiver.port}/calls")
            sender = Delivery(target, SECRET, lambda: START, here, trusted)
            outcomes.append((await sender.attempt(letter)).error)
            await sender.close()
    assert outcomes[0] == ""
    assert all("out of reach" in outcome for outcome in outcomes[1:])
    assert [request.headers["host"] for request in receiver.requests] == [f"crm.example.com:{receiver.port}"]
