"""SIPp as a caller: scenarios from a few steps, run as the real program; media is the test's own (`rtp`)."""

import asyncio
import random
import re
import socket

SDP = """v=0
o=caller 1 1 IN IP4 {media_ip}
s=-
c=IN IP4 {media_ip}
t=0 0
m=audio {port} RTP/AVP {kinds} 101
{maps}a=rtpmap:101 telephone-event/8000
a={direction}
"""
NAMES = {0: "PCMU/8000", 8: "PCMA/8000", 18: "G729/8000"}


def sdp(media, *, kinds=(0,), direction="sendrecv", media_ip=None):
    maps = "".join(f"a=rtpmap:{kind} {NAMES[kind]}\n" for kind in kinds)
    return SDP.format(media_ip=media_ip or media.host, port=media.port, kinds=" ".join(map(str, kinds)), maps=maps,
                      direction=direction)  # fmt: skip


def request(method, *, number="+12025550111", body="", more="", sequence=1, branch="", to_tag="[peer_tag_param]"):
    """A request within a dialog, or its first: then `to_tag` is empty."""
    content = f"Content-Type: {'application/sdp' if 'v=0' in body else 'application/dtmf-relay'}\n" if body else ""
    return f"""<send{"" if method in ("ACK", "CANCEL") else ' retrans="500"'}><![CDATA[
{method} sip:{number}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch{branch}]
From: <sip:+12025550100@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:{number}@[remote_ip]:[remote_port]>{to_tag}
Call-ID: [call_id]
CSeq: {sequence} {"INVITE" if method == "ACK" else method}
Contact: <sip:caller@[local_ip]:[local_port]>
Max-Forwards: 70
{more}{content}Content-Length: [len]

{body}]]></send>"""


def invite(body, **options):
    return request("INVITE", body=body, to_tag=options.pop("to_tag", ""), **options)


def expect(status, *, optional=False, auth=False):
    more = ' optional="true"' * optional + ' auth="true"' * auth
    return f'<recv response="{status}"{more}/>'


def asked(method):
    """A request of the other side, answered with 200."""
    return f"""<recv request="{method}"/><send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:caller@[local_ip]:[local_port]>
Content-Length: 0

]]></send>"""


def pause(seconds):
    return f'<pause milliseconds="{round(seconds * 1000)}"/>'


RINGING = expect(100, optional=True) + expect(180, optional=True) + expect(183, optional=True)
ACK = request("ACK")
BYE = request("BYE", sequence=9) + expect(200)


def answered(body, **options):
    return invite(body, **options) + RINGING + expect(200) + ACK


class Caller:
    """One run of SIPp. `messages` is everything that was said, once it is over."""

    def __init__(self, folder, port):
        self.folder, self.port, self.count = folder, port, 0

    async def call(self, *steps, host="127.0.0.2", seconds=20, transport="u1", port=0, arguments=()):
        """Run a scenario. Returns (whether SIPp met what it expected, the messages)."""
        self.count += 1
        scenario, log = self.folder / f"{self.count}.xml", self.folder / f"{self.count}.log"
        steps = "\n".join(steps)
        scenario.write_text(
            f'<?xml version="1.0" encoding="us-ascii"?>\n<scenario name="call">\n{steps}\n</scenario>\n'
        )
        process = await asyncio.create_subprocess_exec(
            "sipp", f"127.0.0.1:{self.port}", "-sf", scenario, "-i", host, "-p", str(port or free_port(host)),
            "-m", "1", "-timeout", f"{seconds}s", "-timeout_error", "-trace_msg", "-message_file", log, "-nostdin",
            "-t", transport, *arguments, cwd=self.folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            raise
        messages = log.read_text(errors="replace") if log.exists() else ""
        self.output = output.decode(errors="replace")
        return process.returncode == 0, messages


def statuses(messages):
    """The status lines that came, in order."""
    return [int(code) for code in re.findall(r"^SIP/2\.0 (\d{3})", messages, re.M)]


def media_port(messages, behind="SIP/2.0 200", host="127.0.0.1"):
    """Where Asterisk wants its media: in the description that follows its answer, or its INVITE."""
    found = re.findall(r"^m=audio (\d+) RTP/S?AVP", messages.partition(behind)[2], re.M)
    return (host, int(found[0]))


def free_port(host):
    """A port free for UDP and TCP, below those that outgoing connections get: none of them takes it meanwhile."""
    while True:
        port = random.randrange(15_000, 32_000)
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((host, port))
        except OSError:
            continue
        return port
