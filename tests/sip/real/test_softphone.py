"""A telephone that registers: baresip, over TLS with SRTP, as in an office."""

import asyncio
import shutil
import wave

import numpy as np
import pytest

from .conftest import PASSWORDS

pytestmark = [
    pytest.mark.sip,
    pytest.mark.skipif(
        shutil.which("baresip") is None,
        reason="baresip is not installed; `make test-sip` installs what this test needs",
    ),
]
CONFIG = """\
sip_listen 127.0.0.8:0
sip_cafile {folder}/cert.pem
module_path /usr/lib/baresip/modules
module g711.so
module srtp.so
module sndfile.so
module aufile.so
module_tmp account.so
module_app menu.so
audio_source aufile,{folder}/tone.wav
audio_player aubridge,nowhere
module aubridge.so
audio_buffer 20-160
snd_path {folder}
"""


def write_tone(path, seconds=6):
    """500 Hz at 8 kHz, half of full scale."""
    samples = np.sin(np.arange(8000 * seconds) * 2 * np.pi * 500 / 8000) * 16_000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.astype(np.int16).tobytes())


def tone(path):
    """The share of a recording's strongest tenth of a second that lies at 500 Hz."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(float)
    blocks = samples[: len(samples) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    loudest = blocks[np.argmax((blocks**2).sum(axis=1))]
    spectrum = np.abs(np.fft.rfft(loudest * np.hanning(len(loudest)))) ** 2
    around = spectrum[45:56].sum()  # 10 Hz a line
    return around / spectrum.sum() if spectrum.sum() else 0.0


async def test_a_telephone_registers_calls_over_tls_and_hears_its_own_tone_through_srtp(asterisk, bridge, tmp_path):
    shutil.copy(asterisk.folder / "cert.pem", tmp_path)
    write_tone(tmp_path / "tone.wav")
    (tmp_path / "config").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "accounts").write_text(
        f"<sip:desk@127.0.0.1:{asterisk.tls};transport=tls>;auth_user=desk;auth_pass={PASSWORDS['DESK_PASSWORD']};"
        "mediaenc=srtp-mand;audio_codecs=pcmu;regint=60\n"
    )
    dial = f"/dial sip:+12025550199@127.0.0.1:{asterisk.tls};transport=tls"
    async with bridge() as server:
        phone = await asyncio.create_subprocess_exec(
            "baresip", "-f", tmp_path, "-t", "4", "-e", dial,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await phone.communicate()
        words = output.decode(errors="replace")
        assert "200 OK (callbridge) [1 binding]" in words, words
        (entry,) = server.store.list()
        assert entry.persona == "shop", "whatever the telephone dials reaches its persona"
        assert tone(next(tmp_path.glob("dump-*dec.wav"))) > 0.9, words
