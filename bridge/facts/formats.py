"""The two audio formats of a call and the frame that joins them.

The telephone side is G.711 mu-law, 8 kHz, mono (ITU-T G.711); the model side is float32 PCM, 24 kHz, mono. One
*frame* is 80 ms on both sides, because the codec of the model steps at 12.5 Hz. 80 ms are exactly four telephone
packets of 20 ms, so framing leaves no remainder.
"""

PHONE_RATE = 8_000
"""Samples per second on the telephone side; one mu-law byte each."""

MODEL_RATE = 24_000
"""Samples per second on the model side."""

FRAME_MS = 80
"""Duration of one frame in milliseconds (12.5 frames a second)."""

PHONE_FRAME = PHONE_RATE * FRAME_MS // 1000
"""Samples (bytes of mu-law) in one frame at 8 kHz: 640."""

MODEL_FRAME = MODEL_RATE * FRAME_MS // 1000
"""Samples in one frame at 24 kHz: 1920."""

PACKET_MS = 20
"""Duration of one telephone packet in milliseconds."""

PHONE_PACKET = PHONE_RATE * PACKET_MS // 1000
"""Samples (bytes of mu-law) in one telephone packet: 160."""

PHONE_BYTES_PER_MS = PHONE_RATE // 1000
"""Samples (bytes of mu-law) in one millisecond: 8."""

WIDE_BYTES = 2 * MODEL_RATE // PHONE_RATE
"""Bytes of 24 kHz, 16-bit audio in the time of one sample at 8 kHz: 6."""

ULAW_SILENCE = 0xFF
"""The mu-law byte that decodes to zero (positive zero; G.711 table 2b)."""
