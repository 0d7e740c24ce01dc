"""The worst case for the topic gate, on the whole way of a call: a model that wants nothing but the blocked phrase.

The program as a user starts it, with an engine process whose model's text logits leave no other choice; Twilio's
stand-in calls it. Each of this model's tokens has a sound of its own, so what the stand-in was sent and what it played
can be told piece by piece.
"""

import asyncio
import contextlib
import os
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="the personaplex engine needs torch")

import torch

from bridge.audio import mulaw
from bridge.audio.resample import model_to_phone
from bridge.caller import stream
from bridge.caller.buffer import PlayoutBuffer
from bridge.caller.carrier import PhoneCall, Step
from bridge.caller.recording import packet
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line, http_client
from bridge.engine.interface import Seat
from bridge.engine.personaplex.engine import PersonaPlexEngine
from bridge.engine.personaplex.model import load_model
from bridge.engine.personaplex.tokeniser import Tokeniser
from bridge.facts.formats import PACKET_MS, PHONE_FRAME
from bridge.persona.load import parse
from bridge.transcript.records import AgentSaid, AgentUnheard, Ended, VerdictRecord, read
from tests.engine.personaplex.conftest import TINY
from tests.engine.personaplex.insistent import write_insistent

PHRASE = "ibuprofen"
SLOTS = 2
LATENCY = 3 * PHONE_FRAME
"""Bytes that the carrier gathers before it begins to play, as one does that expects jitter."""
SPEAKS = range(3_000 // PACKET_MS, 3_300 // PACKET_MS)
"""Packets in which the caller speaks, after the first refusal: it gives the model its voice back."""

PERSONA = """\
name: {name}
business: Corner Shop
description: a shop on the corner
agent_name: Ada
voice: GOLD0
greeting: Hi.
blocked:
  - topic: medicine
    words: [{word}]
gate: {{hold: {hold}}}
refusal: Not that.
after_refusals: {{count: 2, action: hangup, say: Bye.}}
sampling: {{text_temperature: 0, audio_temperature: 0}}
"""
HOLDS = {"prompt": 0, "patient": 2}


class Buffer(PlayoutBuffer):
    """The stand-in's own buffer, of a carrier with some latency.

    It keeps what it was sent and what it played, from one clear to the next, and what each clear found in it.
    """

    made: dict[str, "Buffer"] = {}  # noqa: RUF012 (one for each task)

    def __init__(self):
        super().__init__()
        self.sent, self.played, self.cleared = [bytearray()], [bytearray()], []
        self._playing = False
        self.made[asyncio.current_task().get_name()] = self

    def put(self, ulaw):
        self.sent[-1] += ulaw
        super().put(ulaw)

    def clear(self):
        self.cleared.append(bytes(self._audio))
        self.sent.append(bytearray())
        self.played.append(bytearray())
        return super().clear()

    def step(self):
        self._playing = self.pending > 0 if self._playing else self.pending >= LATENCY
        if not self._playing:
            return [], b""
        marks, piece = super().step()
        self.played[-1] += piece
        return marks, piece


class Caller:
    """Is silent, speaks once, and hangs up if nobody else does."""

    def __init__(self):
        self.packets = 0

    def step(self, heard):
        self.packets += 1
        voice = packet(bytes([0x10, 0x90]) * 80) if self.packets in SPEAKS else packet(b"")
        return Step(voice, hang_up=self.packets > 15_000 // PACKET_MS)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    tokens = Tokeniser(TINY / "tokenizer_spm_32k_3.model").encode(PHRASE)
    return write_insistent(tmp_path_factory.mktemp("insistent") / "model", tokens)


@contextlib.asynccontextmanager
async def program(folder, model_dir):
    """`callbridge serve` as a process of its own; its address."""
    settings = {"MODEL_DIR": str(model_dir), "DEVICE": "cpu", "SLOTS": str(SLOTS), "CALLER_TRANSCRIPT": "0"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.cli.main", "serve", "--engine", "personaplex", "--port", "0"),
        cwd=folder,
        env=os.environ | settings,
        stderr=asyncio.subprocess.PIPE,
    )
    log = []
    try:
        async with asyncio.timeout(60):
            while "answering calls at" not in (line := (await process.stderr.readline()).decode()):
                assert line, "".join(log)
                log.append(line)
        yield line.split("calls at ")[1].split()[0]
    finally:
        process.terminate()
        await process.communicate()


async def phone(url, persona):
    """Place one call to the persona; what the carrier has seen of it."""
    ticker = Ticker()
    async with http_client(url) as client, ticker.running():
        return await PhoneCall(Line(url, persona=persona), Caller(), ticker, client).run()


def offline(model_dir, persona, frames):
    """The first frames that the engine makes for a call, without a bridge: their text, and what the carrier gets."""
    engine = PersonaPlexEngine(load_model(model_dir), SLOTS, model_dir=model_dir)
    engine.open(0, Seat(persona))
    made = [engine.step({0: np.zeros(1920, np.float32)})[0] for _ in range(frames)]
    first = next(at for at, frame in enumerate(made) if frame.pcm)
    down = model_to_phone()
    sounds = [mulaw.encode_float(down.process(np.frombuffer(frame.pcm, np.float32))) for frame in made[first:]]
    return [frame.text for frame in made], [mulaw.encode(np.zeros(PHONE_FRAME, np.int16))] * first + sounds


def samples(ulaw):
    return mulaw.decode_float(bytes(ulaw)).astype(np.float64)


def apart(one, other):
    """How far two sounds lie apart, by their energy: 0 the same, 0.2 or more for two tokens of this model."""
    return np.linalg.norm(samples(one) - samples(other)) / np.linalg.norm(samples(other))


def frames_of(ulaw):
    return [bytes(ulaw[at : at + PHONE_FRAME]) for at in range(0, len(ulaw), PHONE_FRAME)]


@pytest.mark.slow
async def test_a_model_that_insists_is_never_heard_to_complete_the_phrase_and_what_the_carrier_held_is_cleared(
    tmp_path, model_dir, monkeypatch
):
    torch.set_num_threads(1)
    monkeypatch.setattr(stream, "PlayoutBuffer", Buffer)
    (tmp_path / "personas").mkdir()
    for name, hold in HOLDS.items():
        text = PERSONA.format(name=name, word=PHRASE, hold=hold)
        (tmp_path / "personas" / f"{name}.yaml").write_text(text)
    free = parse(PERSONA.format(name="free", word="never said", hold=0), "free")
    wanted, sounds = offline(model_dir, free, 40)
    completes = next(at for at in range(40) if PHRASE in "".join(wanted[: at + 1]))
    blocked = sounds[completes]  # the sound of the piece that completes the phrase

    async with program(tmp_path, model_dir) as url:
        reports = await asyncio.gather(*(asyncio.create_task(phone(url, name), name=name) for name in HOLDS))

    transcripts = {path.stem: read(path.read_bytes()).records for path in tmp_path.glob("data/calls/*/*.jsonl")}
    for (name, hold), report in zip(HOLDS.items(), reports, strict=True):
        assert report.problems == ()
        buffer, records = Buffer.made[name], transcripts[report.call_id]
        # Of the first answer the carrier was sent what comes before the completing piece, and nothing else.
        sent = frames_of(buffer.sent[0])
        assert len(sent) == completes  # `hold` frames of silence, and `hold` frames of the phrase less
        expected = [mulaw.encode(np.zeros(PHONE_FRAME, np.int16))] * hold + sounds[: completes - hold]
        assert max(apart(*pair) for pair in zip(sent[hold:], expected[hold:], strict=True)) < 0.02
        # In all of the call there is no frame that sounds like the completing piece, sent or played.
        assert min(apart(frame, blocked) for part in buffer.sent for frame in frames_of(part)) > 0.2
        assert blocked not in report.heard
        # What the carrier held when the gate took over was forgotten, and not played.
        assert len(buffer.cleared) == report.clears == 2
        assert len(buffer.cleared[0]) > 0
        for sent, played, cleared in zip(buffer.sent, buffer.played, [*buffer.cleared, b""], strict=True):
            assert bytes(played) + cleared == bytes(sent)[: len(played) + len(cleared)]
        # The record says the same. It may call a piece heard that the carrier still held, never the other way round.
        first, second = (record for record in records if isinstance(record, VerdictRecord))
        assert (first.phrase, first.action, second.action) == (PHRASE, "refuse", "hangup")
        assert first.begun == PHRASE[: len(first.begun)] != PHRASE
        assert first.audible == bool(first.heard)
        sounded = "".join(wanted[: -(-len(buffer.played[0]) // PHONE_FRAME) - hold]).removeprefix(" Hi.").strip()
        assert first.heard.strip().startswith(sounded)
        assert [record.how for record in records if isinstance(record, Ended)] == ["gate_hangup"]
        said = [record for record in records if isinstance(record, AgentSaid)]
        assert PHRASE not in "".join(record.text for record in records if isinstance(record, AgentSaid | AgentUnheard))
        assert "".join(record.text for record in said).endswith(" Not that. Bye.")
        before = records[: records.index(first)]
        proven = "".join(record.text for record in before if isinstance(record, AgentSaid) and record.proven)
        assert f" Hi. {sounded}".startswith(proven)
