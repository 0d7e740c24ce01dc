"""G.711 mu-law, held against the standard library's (or its successor's) for every input there is."""

import json
import warnings
from pathlib import Path

import numpy as np

from bridge.audio import mulaw

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
EVERY_CODE = bytes(range(256))


def test_encodes_every_sample_as_the_reference_does():
    assert mulaw.encode(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE.tobytes(), 2)


def test_decodes_every_code_as_the_reference_does():
    assert mulaw.decode(EVERY_CODE).tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)


def test_every_code_survives_a_round_trip_but_negative_zero():
    again = mulaw.encode(mulaw.decode(EVERY_CODE))
    assert [code for code in EVERY_CODE if again[code] != code] == [0x7F]
    assert again[0x7F] == 0xFF


def test_floats_are_clipped_and_not_wrapped():
    loud = np.array([1.21, -1.21, 7.0, -7.0], np.float32)
    assert mulaw.encode_float(loud) == mulaw.encode(np.array([32767, -32768, 32767, -32768], np.int16))


def test_what_is_no_number_becomes_silence():
    assert mulaw.encode_float(np.array([np.nan], np.float32)) == b"\xff"


def test_float_and_integer_decoding_agree():
    assert np.array_equal(mulaw.decode_float(EVERY_CODE) * 32768, mulaw.decode(EVERY_CODE))


def test_the_table_that_the_console_is_tested_with_is_the_reference():
    table = json.loads((Path(__file__).parent.parent / "data" / "mulaw.json").read_text())
    codes = audioop.lin2ulaw(EVERY_SAMPLE.tobytes(), 2)
    changes = [at for at in range(65536) if at == 0 or codes[at] != codes[at - 1]]
    assert table["codes_from"] == [[int(EVERY_SAMPLE[at]), codes[at]] for at in changes]
    assert table["decoded"] == np.frombuffer(audioop.ulaw2lin(EVERY_CODE, 2), np.int16).tolist()
