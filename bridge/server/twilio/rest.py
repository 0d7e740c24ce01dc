"""Acting on calls through Twilio's REST API: placing them, ending them. The library blocks, so it has threads."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from twilio.rest import Client

from bridge.server.twilio_client import GONE, LIBRARY_ERRORS, TwilioError, in_words

log = logging.getLogger("bridge.twilio")

MAX_ENDED: Final = 1000
"""Calls that are kept in mind as ended by us, so that none is ended twice."""

NO_CREDENTIALS: Final = "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are not both set, so Twilio cannot be asked"


@dataclass(frozen=True, slots=True)
class Links:
    """Where Twilio asks and tells of a call that we place."""

    answered: str
    status: str
    machine: str


class TwilioCalls:
    """The calls of one account. Without a client nothing can be done to them."""

    def __init__(self, client: Client | None) -> None:
        """`client` is the library's."""
        self._client = client
        self._ended: OrderedDict[str, asyncio.Future[None]] = OrderedDict()

    @property
    def able(self) -> bool:
        """Whether there are credentials."""
        return self._client is not None

    async def end(self, carrier_id: str) -> None:
        """End a call, once: whoever asks again waits for the same. One that has ended already is as good as ended.

        Raises `TwilioError` if Twilio refuses or cannot be reached; another try is then possible.
        """
        if (before := self._ended.get(carrier_id)) is not None:
            await asyncio.shield(before)
            return
        ended = self._ended[carrier_id] = asyncio.ensure_future(self._end(carrier_id))
        while len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
        try:
            await asyncio.shield(ended)
        except TwilioError:
            self._ended.pop(carrier_id, None)
            raise

    async def place(self, to: str, caller_id: str, links: Links, *, rings: int, message: bool) -> str:
        """Call somebody; Twilio's name for the call. Whether a machine answers is found out beside the conversation.

        With `message` the end of a machine's greeting is waited for. Raises `TwilioError`.
        """
        client = self._need_client()
        try:
            call = await asyncio.to_thread(
                client.calls.create,
                to=to,
                from_=caller_id,
                url=links.answered,
                status_callback=links.status,
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                timeout=rings,
                machine_detection="DetectMessageEnd" if message else "Enable",
                async_amd="true",
                async_amd_status_callback=links.machine,
            )
        except LIBRARY_ERRORS as error:
            raise in_words(error) from None
        return str(call.sid)

    async def _end(self, carrier_id: str) -> None:
        client = self._need_client()
        try:
            await asyncio.to_thread(lambda: client.calls(carrier_id).update(status="completed"))
        except LIBRARY_ERRORS as error:
            problem = in_words(error)
            if problem.code != GONE:
                raise problem from None
            log.info("call %s had ended already", carrier_id)

    def _need_client(self) -> Client:
        if self._client is None:
            raise TwilioError(NO_CREDENTIALS)
        return self._client
