"""The messages between the bridge server and an engine process: msgpack, tagged, each behind a 4-byte length.

A call is named by `occupant`, a number that is never used twice in a process, and not by its slot: a frame that was
under way when a slot changed hands is thus recognised as stale and dropped.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from bridge.facts.speech import AgentFrame, Recollection, Wish

HEADER: Final = struct.Struct("<I")
"""Length of the message that follows, in bytes, unsigned little-endian."""

MAX_MESSAGE: Final = 4 * 1024 * 1024
"""A longer message is a fault of the program, not of a caller: 4 MiB hold a persona and a minute of speech."""


class Configure(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: first message of a process. It goes through the socket because arguments are public.

    `slots` of 0 leaves the number to the engine. The `llm_` fields configure the cascade engine's language model; an
    empty `llm_base_url` means that answers come from the persona's facts. Without `caller_transcript` no call will ask
    for the caller's words.
    """

    engine: str
    slots: int = 0
    llm_base_url: str = ""
    llm_model: str = ""
    llm_api_key: str = ""
    llm_temperature: float = 0.3
    llm_top_p: float = 0.9
    llm_max_tokens: int = 200
    model_dir: str = ""
    weights: str = "bf16"
    device: str = "auto"
    custom_voice_dir: str = ""
    closing_tag: bool = False
    caller_transcript: bool = True
    kv: str = "bf16"
    cuda_graphs: bool = True
    log_level: str = "info"


class Prepare(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: load this persona (the JSON of its schema) under `key`.

    With `once`, `key` stands for one call alone; with a `recollection`, that call goes on from there in this process.
    """

    key: str
    persona: str
    recollection: Recollection = ()
    once: bool = False


class Forget(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: nobody will be seated under `key` any more."""

    key: str


class Open(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: seat `occupant` for the persona prepared under `key`."""

    occupant: int
    key: str
    seed: int
    caller_transcript: bool = True
    notice: bool = False


class CallerFrame(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: frame number `number` (from 0) of the caller, 1920 float32 little-endian samples.

    `at` is when the frame was complete, in seconds of `time.monotonic()`, which all processes of a machine share.
    """

    occupant: int
    number: int
    pcm: bytes
    at: float = 0.0


class Say(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: speak a line of the bridge's own, then wish."""

    occupant: int
    text: str
    wish: Wish | None = None


class Key(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: the caller pressed a key."""

    occupant: int
    digit: str


class Close(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: the call is over."""

    occupant: int


class Render(msgspec.Struct, tag=True, frozen=True):
    """Server → engine: speak a line outside any call; answered by `Rendered` with the same `request`."""

    request: int
    text: str
    language: str


class Ready(msgspec.Struct, tag=True, frozen=True):
    """Engine → server: loaded; first message of a process. `details` is for the health page.

    Ticks are due at `tick_at` (seconds of `time.monotonic()`) and each `tick_ms` from then on; 0: it has no tick.
    """

    engine: str
    capacity: int
    details: dict[str, str] = {}
    tick_ms: int = 0
    tick_at: float = 0.0


class Prepared(msgspec.Struct, tag=True, frozen=True):
    """Engine → server: the persona under `key` is ready, or `error` says in words why it never will be."""

    key: str
    error: str = ""


class Opened(msgspec.Struct, tag=True, frozen=True):
    """Engine → server: `occupant` is seated, or `error` says in words why not."""

    occupant: int
    error: str = ""


class Answer(msgspec.Struct, tag=True, frozen=True):
    """Engine → server: the agent frame for caller frame `number`, which was complete `ahead` seconds before its tick.

    See `bridge.engine.tick.Taken`; without a tick `ahead` means nothing.
    """

    occupant: int
    number: int
    frame: AgentFrame
    ahead: float = 0.0


class Rendered(msgspec.Struct, tag=True, frozen=True):
    """Engine → server: the speech asked for, 8 kHz mu-law."""

    request: int
    ulaw: bytes


class Beat(msgspec.Struct, tag=True, frozen=True):
    """Engine → server: alive. Sent each second, and at once when what is admitted has changed.

    Carries what the process has used and counted since its start. `late_ticks` counts steps that took longer than the
    time from one tick to the next, `missed_ticks` those left out because of them. `step_counts` and `wait_counts` are
    counts of steps by their length, and of frames by their wait for their step, in the classes of
    `bridge.facts.ticks`; `step_seconds` and `wait_seconds` are their sums. No more than `limit` calls should be seated
    (None: as many as there are slots), and none more while `shedding`; see `bridge.engine.admission`. The last three
    are of the engine's `Memory`; `memory_calls` is None where memory does not bound the calls.
    """

    cpu_seconds: float
    rss_bytes: int
    steps: int
    dropped_frames: int
    late_ticks: int = 0
    missed_ticks: int = 0
    step_counts: tuple[int, ...] = ()
    step_seconds: float = 0.0
    wait_counts: tuple[int, ...] = ()
    wait_seconds: float = 0.0
    limit: int | None = None
    shedding: bool = False
    kv_used_bytes: int = 0
    kv_reserved_bytes: int = 0
    memory_calls: int | None = None


ToEngine = Configure | Prepare | Forget | Open | CallerFrame | Say | Key | Close | Render
FromEngine = Ready | Prepared | Opened | Answer | Rendered | Beat

_encoder = msgspec.msgpack.Encoder()
to_engine = msgspec.msgpack.Decoder(ToEngine)
from_engine = msgspec.msgpack.Decoder(FromEngine)


def pack(message: ToEngine | FromEngine) -> bytes:
    """Encode one message with its length in front."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body)) + body
