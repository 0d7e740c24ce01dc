"""One end of a call's media: RTP (RFC 3550) on a real UDP socket, sent each 20 ms and received with its times."""

import asyncio
import itertools
import random
import socket
import struct
import time
from dataclasses import dataclass

PCMU, PCMA, EVENT = 0, 8, 101
SILENCE = b"\xff" * 160


@dataclass(frozen=True)
class Packet:
    """An RTP packet as it came; `at` is the kernel's time of its arrival in seconds."""

    at: float
    kind: int
    sequence: int
    timestamp: int
    payload: bytes
    source: tuple[str, int]


def parse(data, at, source):
    head, kind, sequence, timestamp, _ = struct.unpack_from("!BBHII", data)
    assert head >> 6 == 2, "not RTP of version 2"
    return Packet(at, kind & 0x7F, sequence, timestamp, data[12 + 4 * (head & 15) :], source)


class RtpEnd:
    """Sends what `play` is given, silence otherwise; keeps what comes. `peer` is where the answer said it listens.

    With `jitter`, a source of random numbers, each packet is late by up to 30 ms, so that some overtake others.
    """

    def __init__(self, host="127.0.0.2", kind=PCMU, jitter=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.host, self.port = self.socket.getsockname()
        self.kind, self.peer, self.jitter = kind, None, jitter
        self.received = []
        self._sequence, self._timestamp, self._source = random.Random(self.port).sample(range(1 << 15), 3)
        self._queue = bytearray()
        self._events = []
        self.muted = False

    def play(self, ulaw):
        self._queue += ulaw

    def press(self, digit):
        """A key as an event of RFC 4733: 100 ms, with its end sent three times."""
        number = "0123456789*#".index(digit)
        steps = [(number, 10, 160 * step) for step in range(1, 6)]
        self._events += steps + [(number, 0x80 | 10, 800)] * 3

    async def run(self):
        """Send and receive until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.socket, self._read)
        try:
            due = time.monotonic()
            while True:
                if self.peer and not self.muted:
                    self._send()
                due += 0.02
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            loop.remove_reader(self.socket)
            self.socket.close()

    def _send(self):
        self._sequence += 1
        if self._events:
            number, flags, duration = self._events.pop(0)
            first = duration == 160
            head = struct.pack("!BBHII", 0x80, EVENT | (0x80 if first else 0), self._sequence, self._timestamp, 7)
            data = head + struct.pack("!BBH", number, flags, duration)
            if not self._events:
                self._timestamp += 800
        else:
            self._timestamp += 160
            payload, self._queue = bytes(self._queue[:160]), self._queue[160:]
            head = struct.pack("!BBHII", 0x80, self.kind, self._sequence, self._timestamp, 7)
            data = head + payload.ljust(160, b"\xff")
        if self.jitter:
            asyncio.get_running_loop().call_later(self.jitter.uniform(0, 0.03), self._leave, data)
        else:
            self._leave(data)

    def _leave(self, data):
        if self.socket.fileno() >= 0:
            self.socket.sendto(data, self.peer)

    def _read(self):
        while True:
            try:
                data, ancillary, _, source = self.socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            seconds, nanoseconds = struct.unpack("ll", ancillary[0][2]) if ancillary else (time.time(), 0)
            self.received.append(parse(data, seconds + nanoseconds / 1e9, source))

    @property
    def audio(self):
        """What came, in the order of its sequence numbers."""
        return b"".join(packet.payload for packet in sorted(self.received, key=lambda one: one.sequence))


def lost(packets):
    """Sequence numbers that are missing between the first and the last."""
    numbers = [packet.sequence for packet in packets]
    return (max(numbers) - min(numbers) + 1) - len(set(numbers)) if numbers else 0


def out_of_order(packets):
    numbers = [packet.sequence for packet in packets]
    return sum(later < earlier for earlier, later in itertools.pairwise(numbers))


def spacings_ms(packets):
    """Milliseconds between one packet's arrival and the next."""
    return [(later.at - earlier.at) * 1000 for earlier, later in itertools.pairwise(packets)]
