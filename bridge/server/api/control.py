"""The HTTP API's ways to act on calls: call somebody, put through, hang up."""

from __future__ import annotations

from typing import Any, Final, Literal

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, Field

from bridge.persona.schema import Closed, Line, PhoneNumber
from bridge.server.access.access import Access
from bridge.server.calls_out import CallOrder, CallRefusedError, CallsOut, Why
from bridge.server.register import LiveCall
from bridge.server.switchboard import Switchboard
from bridge.server.twilio.rest import TwilioCalls
from bridge.server.twilio_client import TwilioError
from bridge.sip.plan import NAME as TRUNK

STATUS: Final[dict[Why, int]] = {"unknown": 404, "forbidden": 403, "busy": 409, "carrier": 502}
"""How a refusal to call somebody is answered."""


class NewCall(Closed):
    """Whom to call, and who calls."""

    to: PhoneNumber = Field(description="Whom to call, in E.164 form.", examples=["+12025550143"])
    persona: str = Field(description="The persona that calls; it needs a group `outbound`.", examples=["bakery"])
    caller_id: PhoneNumber | None = Field(
        default=None,
        description="The number that they see, one of the account's. Default: the persona's.",
        examples=["+12025550111"],
    )
    record: bool | None = Field(
        default=None, description="Whether the call is recorded. Default: RECORD.", examples=[True]
    )
    trunk: str | None = Field(
        default=None,
        pattern=TRUNK,
        description="The SIP trunk of sip.yaml to call by. Default: Twilio calls.",
        examples=[None],
    )


class TransferOrder(Closed):
    """Whom to put the caller through to, and what to say before."""

    to: PhoneNumber | None = Field(
        default=None, description="In E.164 form. Default: the persona's `transfer`.", examples=["+12025550112"]
    )
    say: Line | None = Field(
        default=None, description="Default: the persona's `transfer_say`.", examples=["One moment, please."]
    )


class HangUpOrder(Closed):
    """How to end a call."""

    say: Line | None = Field(
        default=None, description="Spoken before. Default: the persona's `limits.goodbye`.", examples=["Goodbye!"]
    )
    now: bool = Field(default=False, description="End the call at once, without a word.", examples=[False])


class PlacedCall(BaseModel):
    """A call that the carrier has taken the order for."""

    call_id: str = Field(examples=["57f1eb151d4c7451"])
    persona: str = Field(examples=["bakery"])
    from_number: str = Field(serialization_alias="from", examples=["+12025550111"])
    to: str = Field(examples=["+12025550143"])


class Asked(BaseModel):
    """What was asked of a call in progress."""

    call_id: str = Field(examples=["57f1eb151d4c7451"])
    asked: Literal["transfer", "hangup"]


_ENDING: Final[dict[int | str, dict[str, Any]]] = {409: {"description": "The call is ending already."}}


def control_routes(switchboard: Switchboard, calls: TwilioCalls, calls_out: CallsOut, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["calls"], dependencies=[Depends(access.requires("calls:control"))])

    def call_in_progress(call_id: str) -> LiveCall:
        live = switchboard.live.get(call_id)
        if live is None or live.over:
            raise HTTPException(404, "there is no such call in progress")
        return live

    @router.post(
        "/calls",
        status_code=201,
        summary="Call somebody",
        responses={
            403: {"description": "The key, the do-not-call list, or the persona's hours forbid it."},
            404: {"description": "There is no such persona."},
            409: {"description": "There is no free slot."},
            502: {"description": "The carrier does not take the order."},
        },
    )
    async def place(call: NewCall) -> PlacedCall:
        """The answer comes when Twilio or Asterisk has taken the order, not when somebody answers: see the record.

        403: the do-not-call list, the persona's hours, or a persona that calls nobody; 409: no free slot.
        """
        try:
            ticket = await calls_out.place(CallOrder(call.persona, call.to, call.caller_id, call.record, call.trunk))
        except CallRefusedError as error:
            raise HTTPException(STATUS[error.why], str(error)) from None
        return PlacedCall(
            call_id=ticket.call_id, persona=ticket.persona.name, from_number=ticket.from_number, to=call.to
        )

    @router.post(
        "/calls/{call_id}/transfer",
        status_code=202,
        summary="Put the caller through to a person",
        responses=_ENDING,
    )
    async def transfer(call_id: str, order: TransferOrder | None = None) -> Asked:
        """The agent says so first. The answer comes at once; what became of it stands in the call's record."""
        order = order or TransferOrder()
        live = call_in_progress(call_id)
        if not (order.to or live.ticket.persona.transfer):
            raise HTTPException(409, "the persona has no transfer number; name one in `to`")
        if live.session is None or not live.session.ask("transfer", "operator", say=order.say, person=order.to or ""):
            raise HTTPException(409, "the caller is being put through, or the call is ending already")
        return Asked(call_id=call_id, asked="transfer")

    @router.post(
        "/calls/{call_id}/hangup",
        status_code=202,
        summary="End a call",
        responses=_ENDING | {502: {"description": "The carrier does not hang up."}},
    )
    async def hang_up(call_id: str, order: HangUpOrder | None = None) -> Asked:
        """The agent says goodbye first. A caller who is with a person is hung up on at once."""
        order = order or HangUpOrder()
        live = call_in_progress(call_id)
        if live.session is None:
            await _end_away(live)
        elif order.now:
            live.session.stop("operator_hangup", "it was asked for from outside")
        elif not live.session.ask("hangup", "operator", say=order.say):
            raise HTTPException(409, "the call is ending already; `now` ends it at once")
        return Asked(call_id=call_id, asked="hangup")

    async def _end_away(live: LiveCall) -> None:
        try:
            await calls.end(live.ticket.carrier_id)
        except TwilioError as error:
            raise HTTPException(502, str(error)) from None
        switchboard.away.over(live.ticket.call_id, "it was ended from outside")

    return router
