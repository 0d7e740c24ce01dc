"""Many SIP calls at once, with media, through a real Asterisk and a bridge with the echo engine; figures from the wire.

    python infra/bench_sip.py [--calls 100] [--seconds 60] [--json]

Needs what `make test-sip` installs, and root for the capture. SIPp sends each call a recording of bursts; a capture of
the loopback device shows what left Asterisk: lost and disordered packets, how evenly they are spaced, and how long a
burst takes to come back. The echo engine answers with the frame before: 160 ms of framing, the rest is delay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil

PACKET_MS = 20
FRAMING_MS = 160
BURST_MS, PAUSE_MS = 200, 800
LOUD = (bytes([0x10]) * 8 + bytes([0x90]) * 8) * 10
PLAN = """\
listen: {{address: 127.0.0.1, udp: {udp}, rtp: [16000, 16999]}}
trunks:
  - {{name: load, kind: address, addresses: [127.0.0.2]}}
"""
PERSONA = """\
name: echo
business: Echo
description: a load test
agent_name: Echo
numbers: ["+12025550111"]
greeting: Hello.
refusal: No.
limits: {call_seconds: 3600, idle_seconds: 600}
"""
SCENARIO = """\
<?xml version="1.0" encoding="us-ascii"?>
<scenario name="load">
<send retrans="500"><![CDATA[
INVITE sip:+12025550111@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+1202555[call_number]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:+12025550111@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:load@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=load 1 1 IN IP4 [media_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send>
<recv response="100" optional="true"/><recv response="180" optional="true"/><recv response="200"/>
<send><![CDATA[
ACK sip:+12025550111@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+1202555[call_number]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:+12025550111@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<nop><action><exec play_pcap_audio="bursts.pcap"/></action></nop>
<pause milliseconds="%d"/>
<send retrans="500"><![CDATA[
BYE sip:+12025550111@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+1202555[call_number]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:+12025550111@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""


async def measure(calls: int, seconds: int, folder: Path) -> dict[str, Any]:
    """Run the load in `folder` and read the capture."""
    udp, port, ari = (free_port() for _ in range(3))
    (folder / "sip.yaml").write_text(PLAN.format(udp=udp))
    (folder / "personas").mkdir()
    (folder / "personas/echo.yaml").write_text(PERSONA)
    (folder / "load.xml").write_text(SCENARIO % (seconds * 1000))
    (folder / "bursts.pcap").write_bytes(bursts(seconds))
    environment = {**os.environ, "PORT": str(port), "DATA_DIR": str(folder / "data"), "SIP_ARI_PORT": str(ari)}
    command = [sys.executable, "-m", "bridge.cli.main"]
    asterisk = start([*command, "sip", "up"], folder, environment, "asterisk")
    bridge = start([*command, "serve", "--engine", "echo"], folder, environment, "bridge")
    capture = start(["tcpdump", "-i", "lo", "-s", "70", "-B", "65536", "-w", "load.pcap", "udp", "portrange",
                     "16000-16999"], folder, environment, "capture")  # fmt: skip
    try:
        wait_for(folder / "asterisk.log", "takes calls", asterisk)
        wait_for(folder / "bridge.log", "answering calls", bridge)
        wait_for(folder / "capture.log", "listening", capture)
        before = cpu_seconds(asterisk), cpu_seconds(bridge)
        began = time.monotonic()
        load = await asyncio.create_subprocess_exec(
            "sipp", f"127.0.0.1:{udp}", "-sf", "load.xml", "-i", "127.0.0.2", "-mi", "127.0.0.2", "-m", str(calls),
            "-l", str(calls), "-r", "20", "-mp", "20000", "-nostdin", "-timeout", f"{seconds + 60}s",
            "-trace_err", "-error_file", "errors.log", cwd=folder,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await asyncio.sleep(calls / 20 + seconds - 2)
        used = [
            after - earlier for after, earlier in zip((cpu_seconds(asterisk), cpu_seconds(bridge)), before, strict=True)
        ]
        talked = calls * (seconds - 2)
        failed = await load.wait()
        took = time.monotonic() - began
    finally:
        for process in (capture, bridge, asterisk):
            process.terminate()
        for process in (capture, bridge, asterisk):
            process.wait(30)
    figures = read((folder / "load.pcap").read_bytes())
    return {
        "calls": calls,
        "seconds": seconds,
        "failed": bool(failed) and (folder / "errors.log").read_text(errors="replace")[:500],
        "took_s": round(took, 1),
        "cpu_ms_per_call_second": {
            "asterisk": round(used[0] * 1000 / talked, 2), "bridge": round(used[1] * 1000 / talked, 2),
        },
        **figures,
    }  # fmt: skip


def bursts(seconds: int) -> bytes:
    """A capture for SIPp to play: RTP in UDP in Ethernet, 200 ms of tone in each second."""
    burst = LOUD * (BURST_MS // PACKET_MS) + b"\xff" * 8 * PAUSE_MS
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number in range(seconds * 1000 // PACKET_MS):
        place = number * 160 % len(burst)
        rtp = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 7) + burst[place : place + 160]
        udp = struct.pack("!HHHH", 4000, 4002, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\2", b"\x7f\0\0\1") + udp
        frame = bytes(12) + b"\x08\0" + ip
        at = number * PACKET_MS
        parts.append(struct.pack("<IIII", at // 1000, at % 1000 * 1000, len(frame), len(frame)) + frame)
    return b"".join(parts)


def read(data: bytes) -> dict[str, Any]:
    """What a capture says of the calls in it: 127.0.0.2 is the caller's side."""
    streams: dict[tuple[bytes, int, int], list[tuple[float, int, bool]]] = defaultdict(list)
    place = 24
    while place + 16 <= len(data):
        seconds, micros, length, _ = struct.unpack_from("<IIII", data, place)
        frame = data[place + 16 : place + 16 + length]
        place += 16 + length
        kind = frame[43] & 0x7F
        if kind:
            continue  # RTCP
        source, target = struct.unpack_from("!HH", frame, 34)
        (sequence,) = struct.unpack_from("!H", frame, 44)
        streams[frame[26:30], source, target].append((seconds + micros / 1e6, sequence, is_loud(frame[54:70])))
    ours = {key: value for key, value in streams.items() if key[0] == bytes([127, 0, 0, 1]) and len(value) > 50}
    gaps, round_trips, lost, disordered = [], [], 0, 0
    for (_, source, target), packets in ours.items():
        times = np.array([packet[0] for packet in packets]) * 1000
        numbers = np.unwrap(np.array([packet[1] for packet in packets], float), period=65536)
        lost += int(numbers.max() - numbers.min()) + 1 - len(set(numbers))
        disordered += int((np.diff(numbers) < 0).sum())
        gaps.append(np.diff(times[10:]))
        theirs = streams.get((bytes([127, 0, 0, 2]), target, source), [])
        round_trips += returns(onsets(theirs), onsets(packets))
    spread = np.concatenate(gaps)
    beyond = np.array(round_trips) - FRAMING_MS
    return {
        "streams": len(ours),
        "packets": int(sum(map(len, ours.values()))),
        "lost": lost,
        "out_of_order": disordered,
        "jitter_ms": {"p50": _at(np.abs(spread - PACKET_MS), 50), "p99": _at(np.abs(spread - PACKET_MS), 99)},
        "longest_gap_ms": round(float(spread.max()), 1),
        "echo_beyond_framing_ms": {"bursts": len(beyond), "p50": _at(beyond, 50), "p99": _at(beyond, 99)},
    }


def is_loud(ulaw: bytes) -> bool:
    """Whether two milliseconds of mu-law reach a sixteenth of full scale."""
    return any(byte & 0x7F < 0x40 for byte in ulaw)


def onsets(packets: list[tuple[float, int, bool]]) -> list[float]:
    """When sound begins after at least 200 ms of silence, in ms."""
    found, quiet = [], 10
    for at, _, loud in packets:
        if loud and quiet >= 10:
            found.append(at * 1000)
        quiet = 0 if loud else quiet + 1
    return found


def returns(sent: list[float], came: list[float]) -> list[float]:
    """From each burst to the next one that came back. The first of a call is left out."""
    return [min(later) for one in sent[1:-1] if (later := [at - one for at in came if 0 < at - one < 900])]


def _at(values: Any, percent: int) -> float:
    return round(float(np.percentile(values, percent)), 2)


def start(command: list[str], folder: Path, environment: dict[str, str], name: str) -> subprocess.Popen[bytes]:
    """A process whose words go into `name`.log."""
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)


def wait_for(log: Path, words: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process says that it is ready."""
    while words not in log.read_text(errors="replace"):
        if process.poll() is not None:
            sys.exit(log.read_text(errors="replace"))
        time.sleep(0.1)


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """CPU time of a process and all below it."""
    top = psutil.Process(process.pid)
    times = [one.cpu_times() for one in (top, *top.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def free_port() -> int:
    """A port that nobody has."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    for program in ("sipp", "tcpdump"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed; `make test-sip` installs what this needs")
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(asked.calls, asked.seconds, Path(folder)))
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
