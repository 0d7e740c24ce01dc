"""The outline of a recording, however long it is and wherever it is cut."""

from pathlib import Path

import numpy as np
import pytest

from bridge.call.recording import HEADER_BYTES, wav_header
from bridge.server import waveform as module
from bridge.server.waveform import WaveformError, waveform


def recording(path: Path, samples: int, behind: bytes = b"") -> np.ndarray:
    frames = np.random.default_rng(samples).integers(-32768, 32768, (samples, 2)).astype("<i2")
    path.write_bytes(wav_header(frames.nbytes) + frames.tobytes() + behind)
    return frames


@pytest.mark.parametrize("samples", [0, 1, 7, 99, 100, 101, 999, 1000, 1001, 4096])
@pytest.mark.parametrize("points", [1, 7, 100, 4000])
def test_it_is_the_extremes_of_equal_stretches_in_whatever_pieces_the_file_is_read(
    samples: int, points: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 64)
    frames = recording(tmp_path / "a.wav", samples, behind=b"what a full disk left")
    found = waveform(tmp_path / "a.wav", points)
    stretch = max(1, -(-samples // points))
    for side, drawn in enumerate((found.caller, found.agent)):
        parts = [frames[at : at + stretch, side] for at in range(0, samples, stretch)]
        assert drawn.tolist() == [[part.min(), part.max()] for part in parts]
    assert len(found.caller) <= points
    assert found.seconds == samples / 8000


def test_a_file_that_is_shorter_than_its_header_says_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    recording(path, 1000)
    path.write_bytes(path.read_bytes()[: HEADER_BYTES + 4 * 600 + 3])
    assert waveform(path, 6).seconds == 600 / 8000


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", wav_header(4)[:40], wav_header(4).replace(b"WAVE", b"JAZZ") + b"1234"]
)
def test_what_is_no_recording_of_ours_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(WaveformError, match="no WAV file of the bridge's"):
        waveform(path, 10)
    link = tmp_path / "link.wav"
    link.symlink_to(path)
    with pytest.raises(WaveformError, match="cannot be read"):
        waveform(link, 10)
