"""A real Asterisk, started by `callbridge sip up` as a person would, for all the tests of a run."""

import asyncio
import contextlib
import http
import os
import shutil
import signal
import subprocess
import sys
import time
import types

import pytest
from websockets.asyncio.server import serve

from bridge.asterisk import install

from .rtp import RtpEnd
from .sipp import Caller, free_port, media_port

PASSWORDS = {"PBX_PASSWORD": "k2Jh8sQpL0xR-a", "DESK_PASSWORD": "k2Jh8sQpL0xR-b", "SIP_PASSWORD": "the-bridges-own"}
PLAN = """\
listen:
  address: 127.0.0.1
  udp: {udp}
  tls: {{certificate: {folder}/cert.pem, key: {folder}/key.pem, port: {tls}}}
  rtp: [30000, 30999]
trunks:
  - {{name: carrier, kind: address, addresses: [127.0.0.2]}}
  - {{name: internet, kind: address, addresses: [127.0.0.3], jitter_buffer_ms: 40}}
  - {{name: pbx, kind: login, user: pbx, password_from: PBX_PASSWORD, calls: 1}}
phones:
  - {{name: front-desk, user: desk, password_from: DESK_PASSWORD, encryption: srtp, persona: shop}}
"""
START_SECONDS = 60


def missing():
    """What a person must install to run these tests, or nothing."""
    if sys.platform != "linux":
        return "these tests need Linux (127.0.0.2 and its neighbours)"
    for program in ("sipp", "openssl"):
        if shutil.which(program) is None:
            return f"{program} is not installed; `make test-sip` installs what these tests need"
    if install.find(install.default_root()) is None and shutil.which("mmdebstrap") is None:
        return "neither Asterisk 22.10 nor mmdebstrap is installed; `make test-sip` installs what these tests need"
    return ""


@pytest.fixture(scope="session")
def asterisk(tmp_path_factory):
    """Asterisk's ports and the bridge's, with Asterisk running."""
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("asterisk")
    here = types.SimpleNamespace(folder=folder, udp=free_port("127.0.0.1"), tls=free_port("127.0.0.1"))
    here.bridge, here.ari = free_port("127.0.0.1"), free_port("127.0.0.1")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True,
    )  # fmt: skip
    (folder / "sip.yaml").write_text(PLAN.format(udp=here.udp, tls=here.tls, folder=folder))
    environment = {**os.environ, **PASSWORDS, "PORT": str(here.bridge), "DATA_DIR": str(folder),
                   "SIP_ARI_PORT": str(here.ari)}  # fmt: skip
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bridge.cli.main", "sip", "up"],
            cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + install.BUILD_SECONDS
    while "takes calls" not in (folder / "up.log").read_text(errors="replace"):
        if process.poll() is not None:
            said = (folder / "up.log").read_text(errors="replace")
            if "could not be fetched" in said:
                pytest.skip(said.strip())
            pytest.fail(said)
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield here
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0, (folder / "up.log").read_text(errors="replace")


@pytest.fixture
def bridge(asterisk, serve, tmp_path):
    """`async with bridge(...) as server`: a server where Asterisk looks for it."""

    @contextlib.asynccontextmanager
    async def with_asterisk(**settings):
        (tmp_path / "data").mkdir(exist_ok=True)
        shutil.copy(asterisk.folder / "ari.key", tmp_path / "data")
        own = {"port": asterisk.bridge, "sip_password": PASSWORDS["SIP_PASSWORD"], "sip_ari_port": asterisk.ari}
        async with serve(**own, **settings) as server:
            yield server

    return with_asterisk


@pytest.fixture
def caller(asterisk, tmp_path):
    """SIPp against this Asterisk."""
    return Caller(tmp_path, asterisk.udp)


@pytest.fixture
async def media():
    """`media(...)` makes an end of RTP that is sent and received for until the test ends."""
    tasks = []

    def make(**options):
        end = RtpEnd(**options)
        tasks.append(asyncio.create_task(end.run()))
        return end

    yield make
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def connected(caller, end, behind="SIP/2.0 200"):
    """Give the media its peer as soon as SIPp has been told of it, by Asterisk's answer or by its INVITE."""
    async with asyncio.timeout(15):
        while True:
            await asyncio.sleep(0.02)
            log = caller.folder / f"{caller.count}.log"
            text = log.read_text(errors="replace") if log.exists() else ""
            if "m=audio" in text.partition(behind)[2]:
                end.peer = media_port(text, behind)
                return


def bridge_that(answers, asterisk):
    """A bridge of the test's own: says that it is ready, and leaves each call's socket to `answers`."""

    def say_ready(connection, request):
        return connection.respond(http.HTTPStatus.OK, "yes") if request.path == "/sip/ready" else None

    return serve(answers, "127.0.0.1", asterisk.bridge, subprotocols=["media"], process_request=say_ready)
