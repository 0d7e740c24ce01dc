"""Asterisk's configuration files, made from a plan: text in a dictionary by file name, nothing is written here.

What they hold to: nobody calls who is not in the plan (there is no anonymous endpoint, so strangers get 401); there is
no way out of the dial plan but the transfer that the bridge names; what a SIP header says is data, handed on as a
channel variable and never part of an option, a command or a path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.sip.modules import MODULES
from bridge.sip.plan import AddressTrunk, LoginTrunk, Phone, RegisterTrunk, SipPlan, Tls

HEADER: Final = "; Written by `callbridge sip config`. Change sip.yaml and write it again; changes here are lost.\n"

USER: Final = "asterisk"
"""The name with which Asterisk comes to the bridge."""

ARI_USER: Final = "callbridge"
"""The name with which the bridge gives Asterisk orders."""

OUTBOUND: Final = "callbridge-outbound"
"""Where in the dial plan a call goes that we placed, once it is answered."""

UNUSED: Final = (
    "ccss.conf", "cdr.conf", "cel.conf", "chan_websocket.conf", "features.conf", "indications.conf", "manager.conf",
    "pjproject.conf", "stasis.conf", "udptl.conf",
)  # fmt: skip
"""Parts of Asterisk that cannot be left out, and whose defaults are right."""

ANSWER_SECONDS: Final = 5
"""Time that the bridge has to take a call; it needs milliseconds."""

ASK_SECONDS: Final = 2
"""Longest wait for what the bridge is asked over HTTP."""

MEDIA_TIMEOUT: Final = 30
"""Seconds without a packet after which a call has lost its caller; a held one has `HOLD_TIMEOUT`."""

HOLD_TIMEOUT: Final = 1800


@dataclass(frozen=True, slots=True)
class Secrets:
    """`passwords` by the variable that the plan names; `bridge` opens our socket, `ari` Asterisk's interface."""

    passwords: Mapping[str, str]
    bridge: str
    ari: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """Where Asterisk finds the bridge, and where it takes orders (ARI, loopback only): host and port."""

    host: str = "127.0.0.1"
    port: int = 8080
    ari_port: int = 8088


def asterisk_files(plan: SipPlan, secrets: Secrets, bridge: Bridge) -> dict[str, str]:
    """Every file by its name. A password that is missing from `secrets` raises KeyError: check the plan first."""
    files = {
        "pjsip.conf": "\n".join(_pjsip(plan, secrets)),
        "acl.conf": "[banned]\n#tryinclude banned.conf\n",
        "extensions.conf": f"[general]\nstatic = yes\nwriteprotect = yes\n\n{dial_plan(plan, secrets, bridge)}",
        "websocket_client.conf": websocket_client(secrets, bridge),
        "rtp.conf": f"[general]\nrtpstart = {plan.listen.rtp[0]}\nrtpend = {plan.listen.rtp[1]}\nstrictrtp = yes\n",
        "http.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {bridge.ari_port}\n",
        "ari.conf": "[general]\nenabled = yes\n\n"
        + _section(ARI_USER, type="user", read_only="no", password=secrets.ari),
        "logger.conf": "[general]\n\n[logfiles]\nconsole = notice,warning,error\nsecurity.log = security\n",
        "modules.conf": "\n".join(["[modules]", "autoload = no", *(f"load = {name}.so" for name in MODULES)]) + "\n",
    }
    files |= dict.fromkeys(UNUSED, "")  # a file that is not there is an error in Asterisk's log at every start
    return {name: HEADER + text for name, text in files.items()}


def websocket_client(secrets: Secrets, bridge: Bridge) -> str:
    """The connection that each call opens to the bridge."""
    return _section(
        "bridge",
        type="websocket_client",
        connection_type="per_call_config",
        uri=f"ws://{bridge.host}:{bridge.port}/sip/media",
        protocols="media",
        username=USER,
        password=secrets.bridge,
        connection_timeout=500,
        reconnect_attempts=2,
        reconnect_interval=250,
        tls_enabled="no",
    )


def dial_plan(plan: SipPlan, secrets: Secrets, bridge: Bridge) -> str:
    """The one way in, and the one way on. `${NEXT}` is the bridge's word: a number, or a cause to hang up with."""
    out = (
        f"Dial(PJSIP/${{NEXT}}@{plan.transfer_via},60,g)"
        if plan.transfer_via
        else "Transfer(PJSIP/sip:${NEXT}@${CHANNEL(pjsip,remote_addr)})"
    )
    way = f"http://{bridge.host}:{bridge.port}/sip"
    return f"""\
[callbridge]
exten => _[+0-9A-Za-z].,1,Set(GROUP(callbridge)=${{BRIDGE_PARTY}})
 same => n,GotoIf($["${{BRIDGE_CALLS}}" = ""]?admitted)
 same => n,GotoIf($[${{GROUP_COUNT(${{BRIDGE_PARTY}}@callbridge)}} > ${{BRIDGE_CALLS}}]?full)
 same => n(admitted),ExecIf($["${{BRIDGE_JITTER}}" != ""]?Set(JITTERBUFFER(fixed)=${{BRIDGE_JITTER}}))
 same => n,Set(_BRIDGE_CHANNEL=${{UNIQUEID}})
 same => n,Set(_BRIDGE_PERSONA=${{BRIDGE_PERSONA}})
 same => n,Set(_SIP_CALL_ID=${{CHANNEL(pjsip,call-id)}})
 same => n,Set(_SIP_FROM=${{CALLERID(num)}})
 same => n,Set(_SIP_TO=${{FILTER(+0-9A-Za-z,${{EXTEN}})}})
 same => n,Set(CURLOPT(userpwd)={USER}:{secrets.bridge})
 same => n,Set(CURLOPT(conntimeout)={ASK_SECONDS})
 same => n,Set(CURLOPT(httptimeout)={ASK_SECONDS})
; A bridge that takes connections and says nothing would hold Dial, and its caller, for ever: so it is asked first.
 same => n,GotoIf($["${{CURL({way}/ready)}}" != "yes"]?full)
 same => n,Ringing()
 same => n,Dial(WebSocket/bridge/c(ulaw)f(json)n,{ANSWER_SECONDS},g)
 same => n,Set(NEXT=${{FILTER(+0-9,${{CURL({way}/after/${{UNIQUEID}})}})}})
 same => n,GotoIf($["${{NEXT:0:1}}" = "+"]?person)
 same => n,Hangup(${{IF($["${{NEXT}}" = ""]?34:${{NEXT}})}})
 same => n(person),{out}
 same => n,Hangup(16)
 same => n(full),Hangup(34)

[{OUTBOUND}]
; Reached only by calls that the bridge itself placed and that were answered.
exten => _[+0-9].,1,Set(_BRIDGE_CHANNEL=${{UNIQUEID}})
 same => n,Set(_SIP_TO=${{EXTEN}})
 same => n,Dial(WebSocket/bridge/c(ulaw)f(json)n,{ANSWER_SECONDS},g)
 same => n,Hangup(16)
"""


def _pjsip(plan: SipPlan, secrets: Secrets) -> Iterator[str]:
    yield _section(
        "global",
        type="global",
        endpoint_identifier_order="ip,auth_username,username",
        user_agent="callbridge",
        # From the second time on, a stranger's knocking stands in security.log, where `guard` counts it.
        unidentified_request_count=1,
        unidentified_request_period=60,
    )
    yield _section("banned", type="acl", acl="banned")
    yield from _transports(plan)
    for trunk in plan.trunks:
        match trunk:
            case AddressTrunk():
                yield from _address_trunk(plan, trunk)
            case LoginTrunk():
                yield from _login(plan, trunk, secrets)
            case RegisterTrunk():
                yield from _registered(plan, trunk, secrets)
    for phone in plan.phones:
        yield from _login(plan, phone, secrets)


def _transports(plan: SipPlan) -> Iterator[str]:
    listen = plan.listen
    for protocol, port in (("udp", listen.udp), ("tcp", listen.tcp)):
        if port:
            yield _section(f"transport-{protocol}", *_nat(plan), type="transport", protocol=protocol,
                           bind=_bind(listen.address, port))  # fmt: skip
    if listen.tls:
        yield _tls(plan, listen.tls)


def _tls(plan: SipPlan, tls: Tls) -> str:
    return _section(
        "transport-tls",
        *_nat(plan),
        type="transport",
        protocol="tls",
        bind=_bind(plan.listen.address, tls.port),
        cert_file=tls.certificate,
        priv_key_file=tls.key,
        method="tlsv1_2",
    )


def _bind(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _nat(plan: SipPlan) -> list[str]:
    if plan.public_address is None:
        return []
    return [
        f"external_media_address = {plan.public_address}",
        f"external_signaling_address = {plan.public_address}",
        *(f"local_net = {network}" for network in plan.local_networks),
    ]


def _endpoint(plan: SipPlan, party: AddressTrunk | LoginTrunk | RegisterTrunk | Phone, name: str, **more: str) -> str:
    lines = [f"set_var = BRIDGE_PARTY={party.name}"]
    if party.persona:
        lines.append(f"set_var = BRIDGE_PERSONA={party.persona}")
    if party.jitter_buffer_ms:
        lines.append(f"set_var = BRIDGE_JITTER={party.jitter_buffer_ms}")
    if party.calls:
        lines.append(f"set_var = BRIDGE_CALLS={party.calls}")
    return _section(
        name,
        *lines,
        type="endpoint",
        context="callbridge",
        disallow="all",
        allow=",".join(plan.codecs),
        direct_media="no",
        rtp_symmetric="yes",
        force_rport="yes",
        rewrite_contact="yes",
        timers="yes",
        dtmf_mode="auto",
        rtp_timeout=MEDIA_TIMEOUT,
        rtp_timeout_hold=HOLD_TIMEOUT,
        media_encryption="sdes" if party.encryption == "srtp" else "no",
        allow_transfer="no",
        **more,
    )


def _address_trunk(plan: SipPlan, trunk: AddressTrunk) -> Iterator[str]:
    first = trunk.addresses[0].partition("/")[0]
    yield _endpoint(plan, trunk, trunk.name, aors=trunk.name)
    yield _section(trunk.name, type="aor", contact=f"sip:{first}" if ":" not in first else f"sip:[{first}]")
    yield _section(trunk.name, *(f"match = {network}" for network in trunk.addresses), type="identify",
                   endpoint=trunk.name)  # fmt: skip


def _login(plan: SipPlan, party: LoginTrunk | Phone, secrets: Secrets) -> Iterator[str]:
    """The endpoint is named like the user: that is how Asterisk finds it by the name in the digest."""
    yield _endpoint(plan, party, party.user, auth=party.user, aors=party.user, identify_by="auth_username,username")
    yield _auth(party.user, party.user, secrets.passwords[party.password_from])
    yield _section(party.user, type="aor", max_contacts=1, remove_existing="yes", qualify_frequency=60)


def _registered(plan: SipPlan, trunk: RegisterTrunk, secrets: Secrets) -> Iterator[str]:
    server, auth = f"sip:{trunk.server}", f"{trunk.name}-auth"
    server += f"\\;transport={trunk.transport}" if trunk.transport != "udp" else ""
    host = trunk.server.rpartition(":")[0] or trunk.server
    yield _endpoint(plan, trunk, trunk.name, outbound_auth=auth, aors=trunk.name, from_user=trunk.user,
                    from_domain=host)  # fmt: skip
    yield _auth(auth, trunk.user, secrets.passwords[trunk.password_from])
    yield _section(trunk.name, type="aor", contact=server, qualify_frequency=60)
    yield _section(trunk.name, *(f"match = {one}" for one in trunk.addresses or (host,)), type="identify",
                   endpoint=trunk.name)  # fmt: skip
    yield _section(
        f"{trunk.name}-registration",
        type="registration",
        transport=f"transport-{trunk.transport}",
        outbound_auth=auth,
        server_uri=server,
        client_uri=f"sip:{trunk.user}@{trunk.server}",
        contact_user=trunk.user,
        retry_interval=30,
        forbidden_retry_interval=300,
        max_retries=10_000,
    )


def _auth(name: str, user: str, password: str) -> str:
    return _section(name, type="auth", auth_type="userpass", username=user, password=password)


def _section(title: str, *lines: str, **values: object) -> str:
    return "\n".join([f"[{title}]", *(f"{name} = {value}" for name, value in values.items()), *lines, ""])
