"""A running server: engines that die or hang, personas that change, disks that fill, and how it stops."""

import asyncio
import os
import signal
import socket
import sys

import pytest

from bridge.caller.place import place_call
from bridge.caller.recording import Recording, packet
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line
from bridge.facts.errors import EngineError, SettingsError
from bridge.facts.settings import Settings
from bridge.server.app import Server
from bridge.server.journal import read_transcript
from bridge.transcript.records import Ended


def buzz(seconds):
    """The caller's voice: something loud that lasts as long as a call should."""
    packets = round(seconds * 50)
    return Recording("buzz", (packet(bytes([0x10, 0x90]) * 80),) * packets, packets * 20)


def call(server, seconds=1.0, **options):
    """Place a call that lasts about so long, as a task."""
    line = Line(server.local_url, persona=options.pop("persona", "shop"))
    script = Script([buzz(seconds)], Manners(answer=300, greeting=0))
    return asyncio.create_task(place_call(line, script, api_key=server.api_key, **options))


async def until(condition):
    """Wait for something that another process brings about, and that has no event here."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def ended(server):
    return [
        record
        for entry in server.store.list()
        for record in read_transcript(server.settings.data_dir, entry.transcript).records
        if isinstance(record, Ended)
    ]


async def test_a_dead_engine_is_apologised_for_handed_to_a_person_and_replaced(serve):
    async with serve() as server:
        placed = call(server, 20)
        await until(lambda: server.engine.open_slots)
        os.kill(int(server.engine.details["pid"]), signal.SIGKILL)
        result = await placed
        assert result.ended == "engine_failed"
        assert [verb["verb"] for verb in result.after] == ["Dial", "Hangup"]
        await until(lambda: server.engine.state == "ready")
        assert server.engine.counters.restarts == 1
        assert (await call(server)).ended == "caller_hung_up"


async def test_an_engine_that_hangs_is_noticed_and_replaced(serve):
    async with serve(watchdog_seconds=2.5) as server:
        placed = call(server, 20)
        await until(lambda: server.engine.open_slots)
        hung = int(server.engine.details["pid"])
        os.kill(hung, signal.SIGSTOP)
        assert (await placed).ended == "engine_failed"
        await until(lambda: server.engine.state == "ready")
        assert int(server.engine.details["pid"]) != hung


async def test_an_engine_that_cannot_start_stops_the_server_with_words(serve, tmp_path):
    with pytest.raises(EngineError, match="cannot start"):
        async with serve(engine="personaplex", model_dir=tmp_path / "nothing"):
            pass


async def test_a_changed_persona_answers_the_next_call_and_not_the_present_one(serve):
    async with serve() as server:
        file = server.settings.personas_dir / "shop.yaml"
        placed = call(server, 3)
        await until(lambda: server.engine.open_slots)
        [live] = server.switchboard.live.values()
        file.write_text(file.read_text().replace("nine to five", "ten to six"))
        await server.book.refresh()
        assert "nine to five" in live.ticket.persona.facts[0].answer
        assert "ten to six" in server.book.by_name("shop").persona.facts[0].answer
        assert (await placed).ended == "caller_hung_up"


async def test_a_broken_persona_is_reported_and_the_old_one_stays_on_duty(serve, caplog):
    async with serve() as server:
        file = server.settings.personas_dir / "shop.yaml"
        file.write_text(file.read_text().replace("refusal: I can't talk about medicine.", "refusal: ''\ncolour: red"))
        await server.book.refresh()
        assert "the version before it stays on duty" in caplog.text
        assert "shop.yaml:13" in caplog.text
        assert server.book.problems.keys() == {"shop"}
        assert (await call(server)).ended == "caller_hung_up"


async def test_a_persona_whose_file_is_gone_answers_no_more(serve):
    async with serve() as server:
        (server.settings.personas_dir / "shop.yaml").unlink()
        await server.book.refresh()
        assert server.book.names == []


async def test_a_number_of_another_persona_is_refused(serve):
    async with serve() as server:
        text = (server.settings.personas_dir / "shop.yaml").read_text().replace("name: shop", "name: thief")
        (server.settings.personas_dir / "thief.yaml").write_text(text)
        await server.book.refresh()
        assert server.book.names == ["shop"]
        assert "+12025550111 is answered by shop" in server.book.problems["thief"]


async def test_draining_lets_calls_end_and_takes_no_new_ones(serve):
    async with serve() as server:
        placed = call(server, 2)
        await until(lambda: server.engine.open_slots)
        draining = asyncio.create_task(server.switchboard.drain(20))
        await until(lambda: server.switchboard.draining)
        refused = await call(server)
        assert not refused.connected
        assert [verb["verb"] for verb in refused.after] == ["Say", "Dial"]
        assert (await placed).ended == "caller_hung_up"
        assert await draining


async def test_stopping_ends_every_call_with_a_record_of_it(serve):
    async with serve() as server:
        placed = call(server, 20)
        await until(lambda: server.engine.open_slots)
        await server.switchboard.stop()
        await placed
        assert [end.how for end in ended(server)] == ["shutdown"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root; run the tests as root")
async def test_a_full_disk_costs_the_transcript_and_not_the_call(serve, http, accounted_for, tmp_path, caplog):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = await asyncio.create_subprocess_exec("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk))
    if await mount.wait():
        pytest.skip("mounting a tmpfs was refused; run the tests as root where that is permitted")
    try:
        async with serve(data_dir=disk, database_url=f"sqlite:///{tmp_path / 'calls.db'}") as server:
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            result = await call(server, 1.5)
            assert result.ended == "caller_hung_up"
            metrics = (await http.get(f"{server.local_url}/metrics")).text
            assert "No space left on device" in caplog.text
            filler.unlink()
            await until(lambda: not server.journal.counters.waiting_bytes)
            [entry] = server.store.list()
            counters = read_transcript(disk, entry.transcript).ended.counters
            assert abs(result.frames_expected - result.frames) <= accounted_for(result, counters, metrics)
            assert result.frames_expected > 10
    finally:
        # Lazily: where the server failed to close a file, the disk goes with the process.
        await (await asyncio.create_subprocess_exec("umount", "--lazy", str(disk))).wait()


def test_without_an_auth_token_only_loopback_is_listened_on(tmp_path):
    with pytest.raises(SettingsError, match="TWILIO_AUTH_TOKEN"):
        Server(Settings(_env_file=None, host="0.0.0.0", port=0, data_dir=tmp_path))


async def test_small_packets_are_sent_at_once_whatever_the_event_loop(serve):
    async with serve() as server:
        assert server.socket.proto == socket.IPPROTO_TCP  # asyncio looks at it before it sets TCP_NODELAY


async def test_a_port_that_is_taken_is_told_in_words(serve, tmp_path):
    async with serve() as server:
        with pytest.raises(SettingsError, match=f"port {server.port}.*--port"):
            Server(Settings(_env_file=None, port=server.port, data_dir=tmp_path / "other"))


async def test_the_record_of_calls_needs_the_key(serve, http):
    async with serve() as server:
        placed = await call(server)
        url = f"{server.local_url}/api/calls"
        assert (await http.get(url)).status_code == 401
        assert (await http.get(url, headers={"Authorization": "Bearer guess"})).status_code == 401
        key = {"Authorization": f"Bearer {server.api_key}"}
        assert [row["call_id"] for row in (await http.get(url, headers=key)).json()["calls"]] == [placed.call_id]
        assert (await http.get(f"{url}/{placed.call_id}", headers=key)).json()["ended"] == "caller_hung_up"
        assert (await http.get(f"{url}/..%2f..%2fapi.key", headers=key)).status_code == 404
        assert (server.settings.data_dir / "api.key").stat().st_mode & 0o077 == 0


async def test_health_metrics_and_the_page_need_no_key_and_hold_no_words(serve, http):
    async with serve() as server:
        health = (await http.get(f"{server.local_url}/health")).json()
        assert (health["status"], health["engine"], health["personas"]) == ("ok", "echo", ["shop"])
        metrics = (await http.get(f"{server.local_url}/metrics")).text
        assert 'callbridge_cpu_seconds_total{process="engine"}' in metrics
        page = await http.get(server.local_url)
        assert page.status_code == 200
        assert "callbridge" in page.text


async def test_signals_the_first_lets_calls_end_and_the_second_cuts_them_off(serve, tmp_path):
    """As a user does it: a process, a call in progress, Ctrl-C, Ctrl-C."""
    async with serve():
        pass  # leaves a folder of personas
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.cli.main", "serve", "--engine", "echo", "--port", "0"),
        cwd=tmp_path,
        env=os.environ | {"DATA_DIR": str(tmp_path / "other")},
        stderr=asyncio.subprocess.PIPE,
    )
    log = []

    async def line_with(words):
        async with asyncio.timeout(30):
            while words not in (line := (await process.stderr.readline()).decode()):
                assert line, "".join(log)
                log.append(line)
        return line

    url = (await line_with("answering calls at")).split("calls at ")[1].split()[0]
    script = Script([buzz(20)], Manners(answer=300, greeting=0))
    placed = asyncio.create_task(place_call(Line(url, persona="shop"), script))
    await line_with("began")
    process.send_signal(signal.SIGINT)
    await line_with("1 go on")
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(15):
        assert await process.wait() == 0
        await placed
