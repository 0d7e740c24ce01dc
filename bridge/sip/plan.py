"""The closed schema of `sip.yaml`: where Asterisk listens, and who may send calls. No password stands in it.

A key that ends in `_from` names an environment variable (or a line of `.env`) that holds the password.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Network = Annotated[str, AfterValidator(_network)]
"""An IP address or a network, like 192.0.2.10 or 192.0.2.0/24."""

Networks = Annotated[tuple[Network, ...], BeforeValidator(_list)]
Address = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=1, le=65535)]
NAME: Final = r"^[a-z0-9][a-z0-9-]{0,39}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
"""Small letters, digits and hyphens: it becomes the name of a section in Asterisk's files."""

User = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+][A-Za-z0-9+._-]{0,63}$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
File = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]{1,250}$")]
"""An absolute path as Asterisk sees it."""

Codec = Literal["ulaw", "alaw"]
"""What calls may be coded in (G.711); everything else is answered with 488."""


class Closed(BaseModel):
    """Base of every part: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(Closed):
    """SIP over TLS: the port, and the files of certificate chain and key."""

    certificate: File
    key: File
    port: Port = 5061


class Listen(Closed):
    """Where Asterisk listens. `rtp` are the first and the last port of the media; a call takes two of them."""

    address: Address = "0.0.0.0"  # noqa: S104 (trunks are outside; who may call is decided per trunk)
    udp: Port | None = 5060
    tcp: Port | None = None
    tls: Tls | None = None
    rtp: tuple[Port, Port] = (10_000, 10_999)

    @model_validator(mode="after")
    def _in_order(self) -> Listen:
        if self.rtp[1] - self.rtp[0] < 3:
            raise ValueError("rtp: give a first and a last port, at least four ports in all")
        return self


class Party(Closed):
    """Who may send calls. `jitter_buffer_ms` is for lines over the internet: 40 cures up to 60 ms of jitter."""

    name: Name
    persona: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] | None = None
    jitter_buffer_ms: int = Field(default=0, ge=0, le=500)
    encryption: Literal["none", "srtp"] = "none"
    calls: int | None = Field(default=None, ge=1, le=10_000)


class AddressTrunk(Party):
    """A carrier or PBX that is known by where it calls from."""

    kind: Literal["address"]
    addresses: Networks = Field(min_length=1)


class LoginTrunk(Party):
    """A carrier or PBX that gives a name and password with each call (digest)."""

    kind: Literal["login"]
    user: User
    password_from: Variable


class RegisterTrunk(Party):
    """A carrier at which we register with the name and password that it gave us; calls come from `addresses`.

    Without `addresses` they come from the server's own.
    """

    kind: Literal["register"]
    server: Host
    user: User
    password_from: Variable
    transport: Literal["udp", "tcp", "tls"] = "udp"
    addresses: Networks = ()


Trunk = Annotated[AddressTrunk | LoginTrunk | RegisterTrunk, Field(discriminator="kind")]


class Phone(Party):
    """A telephone that registers here with a name and password."""

    user: User
    password_from: Variable


class SipPlan(Closed):
    """All of `sip.yaml`.

    `public_address` is this machine's address on the internet where a router stands in between; `local_networks`
    are those that reach it without. `transfer_via` names the trunk that calls go out by which a persona's `transfer`
    asks for; without it a caller is referred (SIP REFER) by the trunk he came from.
    """

    listen: Listen = Listen()
    public_address: Address | None = None
    local_networks: Networks = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8")
    codecs: Annotated[tuple[Codec, ...], Field(min_length=1)] = ("ulaw", "alaw")
    trunks: tuple[Trunk, ...] = ()
    phones: tuple[Phone, ...] = ()
    transfer_via: Name | None = None

    @property
    def parties(self) -> tuple[AddressTrunk | LoginTrunk | RegisterTrunk | Phone, ...]:
        """Everyone who may send calls."""
        return (*self.trunks, *self.phones)

    @model_validator(mode="after")
    def _consistent(self) -> SipPlan:
        names = [party.name for party in self.parties]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the name {twice[0]} is given twice; each trunk and phone needs its own")
        users = [party.user for party in self.parties if not isinstance(party, AddressTrunk)]
        if twice := sorted({user for user in users if users.count(user) > 1}):
            raise ValueError(f"the user {twice[0]} is given twice; each trunk and phone needs its own")
        if self.transfer_via and self.transfer_via not in {trunk.name for trunk in self.trunks}:
            raise ValueError(f"transfer_via: there is no trunk {self.transfer_via}")
        if not (self.listen.udp or self.listen.tcp or self.listen.tls):
            raise ValueError("listen: give a port for udp, tcp or tls")
        return self
