"""Any usual WAV file becomes packets; any other says what is wrong with it."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio import mulaw
from bridge.caller.errors import RecordingError
from bridge.caller.recording import (
    BUNDLED,
    SPEECH_DBFS,
    from_ulaw,
    is_speech,
    load_recording,
    read_wav,
    speech_like,
    stereo_wav,
)

Wave = npt.NDArray[np.float64]


def tone(rate: int, seconds: float = 0.5) -> Wave:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


def riff(tag: int, bits: int, body: bytes, rate: int = 8000, channels: int = 1, extension: bytes = b"") -> bytes:
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits) + extension
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def coded(tag: int, bits: int, samples: Wave) -> bytes:
    match tag, bits:
        case 1, 8:
            return (samples * 127 + 128).astype(np.uint8).tobytes()
        case 1, 24:
            wide = (samples * 8388607).astype("<i4")
            return wide.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        case 1, _:
            return (samples * (2 ** (bits - 1) - 1)).astype(f"<i{bits // 8}").tobytes()
        case 3, _:
            return samples.astype(f"<f{bits // 8}").tobytes()
        case _:
            return mulaw.encode_float(samples.astype(np.float32))


@pytest.mark.parametrize(("tag", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (7, 8)])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_usual_coding_is_read_at_its_level(tag: int, bits: int, channels: int) -> None:
    samples = np.repeat(tone(8000), channels)
    rate, mono = read_wav(riff(tag, bits, coded(tag, bits, samples), channels=channels))
    assert rate == 8000
    np.testing.assert_allclose(mono, tone(8000), atol=0.02)


def test_an_extensible_header_names_its_coding_further_in() -> None:
    extension = struct.pack("<HHIH", 22, 24, 4, 1) + bytes(14)
    rate, mono = read_wav(riff(0xFFFE, 24, coded(1, 24, tone(48000)), rate=48000, extension=extension))
    assert rate == 48000
    np.testing.assert_allclose(mono, tone(48000), atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_any_rate_becomes_telephone_packets_of_the_same_sound(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(riff(1, 16, coded(1, 16, tone(rate)), rate=rate))
    recording = load_recording(path)
    assert recording.name == "tone"
    assert len(recording.packets) == 25
    heard = mulaw.decode_float(b"".join(packet.ulaw for packet in recording.packets))
    spectrum = np.abs(np.fft.rfft(heard[400:3600]))
    assert abs(int(spectrum.argmax()) * 8000 / 3200 - 440) < 3
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.05)


def test_a_streamed_file_with_an_open_length_is_read_to_its_end() -> None:
    data = bytearray(riff(1, 16, coded(1, 16, tone(8000))))
    at = data.index(b"data")
    data[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    assert len(read_wav(bytes(data))[1]) == 4000


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not a WAV file"),
        (b"ID3" + bytes(50), "not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "no format description"),
        (riff(1, 16, b""), "holds no audio"),
        (riff(1, 16, b"\0"), "holds no audio"),
        (riff(1, 16, bytes(32), channels=0), "0 channels"),
        (riff(1, 16, bytes(32), rate=100), "sample rate is 100 Hz"),
        (riff(85, 16, bytes(32)), "format 85"),
        (riff(1, 12, bytes(32)), "12 bits"),
        (riff(1, 8, bytes(601 * 4000), rate=4000), "601 seconds long"),
    ],
)
def test_a_file_that_cannot_be_played_says_why(tmp_path: Path, data: bytes, complaint: str) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=rf"bad\.wav cannot be played: .*{complaint}"):
        load_recording(path)


def test_a_missing_file_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        load_recording(tmp_path / "nothing.wav")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tail: bytes) -> None:
    try:
        rate, mono = read_wav(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + tail)
    except ValueError as error:
        assert str(error)
    else:
        assert rate > 0
        assert np.abs(mono).max() <= 1.0


def test_speech_ends_before_the_silence_at_the_end() -> None:
    voice, silence = mulaw.encode_float(tone(8000, 0.3).astype(np.float32)), b"\xff" * 4800
    assert from_ulaw("voice", voice + silence).speech_end_ms == 300
    assert from_ulaw("silence", silence).speech_end_ms == 600


def test_speech_is_what_is_louder_than_the_threshold() -> None:
    loud = 10 ** ((SPEECH_DBFS + 2) / 20) * np.sqrt(2)
    for level, speech in ((loud, True), (loud * 0.6, False)):
        sound = (level * np.sin(np.arange(160) / 3)).astype(np.float32)
        assert is_speech(mulaw.encode_float(sound)) is speech
    assert not is_speech(b"")


def test_every_bundled_recording_can_be_played_and_has_its_words() -> None:
    lines = (BUNDLED / "texts.tsv").read_text().splitlines()
    names = {line.split("\t")[0] for line in lines}
    assert names == {path.stem for path in BUNDLED.glob("*.wav")}
    for name in names:
        recording = load_recording(BUNDLED / f"{name}.wav")
        assert 1000 < recording.speech_end_ms < recording.seconds * 1000


def test_load_noise_has_the_rhythm_of_speech_and_is_repeatable() -> None:
    recording = speech_like(2.0, seed=4)
    assert recording == speech_like(2.0, seed=4)
    loud = sum(is_speech(packet.ulaw) for packet in recording.packets)
    assert 50 < loud < 90


def test_both_sides_lie_on_their_channels() -> None:
    left, right = mulaw.encode_float(tone(8000, 0.1).astype(np.float32)), b"\xff" * 960
    with wave.open(io.BytesIO(stereo_wav(left, right))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 960)
        pairs = np.frombuffer(file.readframes(960), np.int16).reshape(-1, 2)
    np.testing.assert_array_equal(pairs[:800, 0], mulaw.decode(left))
    assert not pairs[:, 1].any()
    assert not pairs[800:, 0].any()
