"""One call, from the first packet to the hang-up.

Three tasks share a call and end together: one listens to the carrier, one speaks what the engine says, one keeps the
time. Whichever of them finds that the call is over says so once, in `_finish`; the rest is clearing up.

    carrier ─▶ listen ─▶ intake ─▶ slot ─▶ speak ─▶ playout account ─▶ carrier
                 marks ───────────────────────────────▲
    keep_time ─▶ fills stalled input, asks idle callers, ends calls that are too long
                 puts the caller on hold where the engine is not heard (`bridge.call.rescue`)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from bridge.audio.intake import CallerFrame
from bridge.audio.playout import Piece
from bridge.call.consent import Consent, Recorder
from bridge.call.ear import Ear
from bridge.call.idle import IdleWatch
from bridge.call.inlet import Inlet
from bridge.call.leg import Leg
from bridge.call.outlet import Outlet
from bridge.call.parting import Outcome, Parting
from bridge.call.rescue import ENGINE_STALL_SECONDS, Hold, LaterSlot, Recollector, Rescue
from bridge.call.slot import Slot
from bridge.facts.errors import CarrierError, EngineError
from bridge.facts.events import Audio, Digit, Ended, Malformed, Played, Started
from bridge.facts.formats import PHONE_BYTES_PER_MS, PHONE_FRAME
from bridge.facts.speech import AgentFrame
from bridge.facts.speech import Ending as Way
from bridge.persona.schema import Persona
from bridge.transcript import records
from bridge.transcript.records import Asker, How

CHECK_SECONDS: Final = 0.1
"""How often the time is looked at: fine enough for stalls (240 ms) and coarse enough to cost nothing."""

OVERTIME_SECONDS: Final = 15.0
"""A call that is over its length, and whose caller talks over every goodbye, ends so much later all the same."""

STALL_SECONDS: Final = 1.0
"""A line that brings no audio for so long is held, or broken: nobody is there to be asked whether he is."""

NEVER_AGAIN: Final = "All right, we will not call you again. Goodbye."
"""Said to whoever presses the key for that, where the persona has no line of its own."""

HOLD_LEAD_MS: Final = 300
"""Held by the carrier of what a waiting caller hears: three looks at the time."""


class CallSession:
    """Owner of everything that one call holds. `run` it once."""

    def __init__(
        self,
        leg: Leg,
        slot: Slot,
        persona: Persona,
        write: Callable[[records.Record], None],
        clock: Callable[[], float],
        utc_now: Callable[[], str],
        *,
        apology: bytes = b"",
        rescue: Rescue | None = None,
        recorder: Recorder | None = None,
        audience: Ear | None = None,
        resumed: bool = False,
        earlier_seconds: float = 0.0,
    ) -> None:
        """`write` takes the records of the call, `clock` gives monotonic seconds, `utc_now` ISO 8601.

        `apology` is 8 kHz mu-law, played when the engine fails and the call with it; `rescue` may spare it that.
        `audience` hears what the `recorder` does, recorded or not. A caller whose call is `resumed` has heard greeting
        and notices before; it has lasted `earlier_seconds` already.
        """
        self.persona = persona
        self._leg, self._slot, self._utc_now = leg, slot, utc_now
        self._memory = Recollector(persona, recorded=recorder is not None, resumed=resumed)
        self._write = self._memory.noting(write)
        self._apology, self._rescue = apology, rescue
        self._ears = [ear for ear in (recorder, audience) if ear]
        self._consent = Consent(recorder, persona.recording, write, told=resumed)
        self._hold: Hold | None = None
        self._engine_heard = 0.0  # when the latest agent frame came, in seconds of the call
        self._turn = 0
        self._reseats = 0
        self._inlet = Inlet(clock, wide=leg.wide)
        self._outlet = Outlet(leg, self._ears, self._write, self._now)
        self._over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._idle = IdleWatch(persona.limits.idle_seconds)
        self._parting = Parting(persona)
        self._too_long_said = False
        self._earlier_seconds = earlier_seconds
        self._malformed = 0
        self._verdicts = 0

    async def run(self) -> Outcome:
        """Hold the call to its end. Cancelling it ends the call as a shutdown of the server."""
        self._consent.began()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part) for part in (self._listen(), self._speak(), self._keep_time())]
                outcome = await self._over
                for task in tasks:
                    task.cancel()
        except asyncio.CancelledError:
            outcome = Outcome("shutdown", "the server was stopped")
            raise
        except BaseExceptionGroup:
            outcome = Outcome("internal_error", "an error of the bridge; its log has the details")
            raise
        finally:
            self._slot.close()
            self._wind_up(outcome)
        await self._leg.close(1000, outcome.reason)
        return outcome

    def stop(self, how: How, reason: str) -> None:
        """End the call from outside, now."""
        self._finish(Outcome(how, reason))

    def ask(self, way: Way, by: Asker, *, say: str | None = None, person: str = "") -> bool:
        """Have the caller put through or the call ended, once `say` (default: the persona's line) has been spoken.

        False: the call is going to end already, or there is nobody to be put through to.
        """
        if not self._parting.ask(way, by, self._elapsed(), person):
            return False
        self._write(records.AskedRecord(way, by, self.now_ms))
        own = self.persona.transfer_say if way == "transfer" else self.persona.limits.goodbye
        self._slot.say(say or own, way)
        return True

    @property
    def now_ms(self) -> int:
        """The call's clock."""
        return self._now() // PHONE_BYTES_PER_MS

    # -- listening

    async def _listen(self) -> None:
        try:
            async for event in self._leg.events():
                match event:
                    case Audio():
                        for frame in self._inlet.accept(event, self._slot.ticks):
                            self._push(frame)
                    case Played(generation, mark):
                        self._heard(self._outlet.playout.played(generation, mark), proven=True)
                    case Digit(digit):
                        self._press(digit)
                    case Malformed(why):
                        self._malformed += 1
                        self._write(records.Problem(f"an unreadable message was passed over: {why}", self.now_ms))
                    case Ended(reason):
                        self._finish(Outcome("caller_hung_up", reason))
                        return
                    case Started():
                        pass  # the stream was taken up before the call began
        except CarrierError as error:
            self._finish(Outcome("protocol_error", str(error)))
            await self._leg.close(error.close_code, str(error))
            return
        self._finish(Outcome("carrier_lost", "the carrier's connection broke off"))

    def _press(self, digit: str) -> None:
        self._idle.activity(self._elapsed())
        self._slot.digit(digit)
        self._write(records.DigitPressed(digit, self.now_ms))
        if answer := self._consent.refused_by(digit, self._now()):
            self._slot.say(answer)
        elif action := self.persona.keys.get(digit):
            if action.then == "never_call":
                self._write(records.AskedRecord("never_call", "key", self.now_ms))
                self.ask("hangup", "key", say=action.say or NEVER_AGAIN)
            elif action.then != "continue":
                self.ask(action.then, "key", say=action.say, person=action.to or "")
            elif action.say and not self._parting.said:
                self._slot.say(action.say)

    def _push(self, frame: CallerFrame) -> None:
        self._slot.push(frame)
        for ear in self._ears:
            ear.caller(frame.ulaw)

    # -- speaking

    async def _speak(self) -> None:
        going_on = True
        while going_on:
            try:
                while True:
                    await self._say_frame(await self._slot.next())
            except EngineError as error:
                self._write(records.Problem(str(error), self.now_ms))
                if self._parting.said:
                    return  # what ends the call has been said, and needs no engine to be heard
                if outcome := self._parting.unsaid():
                    self._finish(outcome)
                    return
                going_on = await self._change_engine()
                if not going_on:
                    await self._apologise(str(error))

    async def _say_frame(self, frame: AgentFrame) -> None:
        self._engine_heard, self._turn = self._elapsed(), max(self._turn, frame.turn)
        self._inlet.answered(self._slot.ahead_ms)
        if self._hold:
            await self._end_hold()
        for said in frame.caller:
            self._write(records.CallerSaid(said.text, said.start_ms, said.end_ms))
        if frame.caller_speaking or frame.agent_speaking:
            self._idle.activity(self._elapsed(), caller=frame.caller_speaking)
        if frame.flush:
            await self._clear(by_gate=bool(frame.verdicts))
        for verdict in frame.verdicts:  # after the carrier was told: only now is it known what was heard
            self._verdicts += 1
            self._parting.gate(verdict.action)
            self._write(records.VerdictRecord.of(verdict, heard=self._outlet.playout.heard_of(verdict.begun)))
        piece = await self._outlet.say(frame)
        if piece is None:
            return
        if frame.wish == "record":
            self._consent.notice_ends(piece.mark)
        elif frame.wish:
            self._wish(frame.wish, piece)
        if frame.text:
            self._parting.spoke()

    def _wish(self, way: Way, piece: Piece) -> None:
        by = self._parting.wish(way, piece)
        if way == "transfer" and by in ("caller", "gate"):
            self._write(records.AskedRecord(way, by, self.now_ms))

    async def _clear(self, *, by_gate: bool = False) -> None:
        self._outlet.take_back("gate" if by_gate else "caller_spoke")
        if outcome := self._parting.cleared(by_gate=by_gate):
            self._finish(outcome)
        await self._outlet.clear()

    async def _apologise(self, why: str) -> None:
        """The engine is gone: tell the caller in a voice that was made beforehand, then end the call."""
        self._hold = None
        await self._clear()
        if not self._apology:
            self._finish(Outcome("engine_failed", why))
            return
        self._parting.how = "engine_failed"
        piece = await self._outlet.play(self._apology, marked=True)
        self._parting.wish("hangup", piece, why)

    async def _change_engine(self) -> bool:
        """The engine is gone: have the caller wait for another one. False where the call has to end."""
        rescue = self._rescue
        if rescue is None or not rescue.seconds or self._reseats or self.persona.transfer:
            return False
        if self._hold is None:
            await self._clear()
        hold = self._begin_hold(rescue)
        await hold.told.wait()
        slot = await rescue.find(self._memory.recollection())
        if slot is None:
            return False
        self._slot = LaterSlot(slot, self._turn)
        self._reseats += 1
        self._write(records.Problem("the call goes on in a new engine process", self.now_ms))
        await self._end_hold()
        return True

    def _begin_hold(self, rescue: Rescue) -> Hold:
        """The caller waits. What they hear is sent as time goes by."""
        if self._hold is None:
            self._hold = Hold(rescue.line, rescue.music)
        return self._hold

    async def _end_hold(self) -> None:
        self._hold = None
        self._engine_heard = self._elapsed()
        await self._clear()

    async def _play_on(self, hold: Hold) -> None:
        """Keep some of what a waiting caller hears in the carrier's buffer, until the next look at the time."""
        self._idle.activity(self._elapsed())
        hold.heard(self._now())
        while self._hold is hold and self._outlet.playout.lead_ms(self._now()) < HOLD_LEAD_MS:
            hold.sent((await self._outlet.play(hold.take(PHONE_FRAME))).end)

    def _heard(self, pieces: list[Piece], *, proven: bool) -> None:
        for piece in pieces:
            if piece.text:
                self._write(records.AgentSaid(piece.text, piece.turn, piece.start_ms, piece.end_ms, proven))
            if proven:
                self._consent.heard(piece.mark, self._now())
            if outcome := self._parting.heard(piece):
                self._finish(outcome)

    # -- time

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            elapsed = self._elapsed()
            stalled = self._inlet.stalled
            if self._leg.broken:
                self._finish(Outcome("carrier_lost", "the carrier's connection takes no audio any more"))
                return
            if stalled > self._leg.no_media_seconds:
                self._finish(Outcome("carrier_lost", f"no audio came for {self._leg.no_media_seconds:g} s"))
                return
            if stalled > STALL_SECONDS:
                self._idle.activity(elapsed, caller=False)  # a caller who holds the line is not a silent one
            for frame in self._inlet.catch_up():
                self._push(frame)
            if outcome := self._parting.overdue(elapsed):
                self._finish(outcome)
            if self._parting.mark_is_late(elapsed):
                self._heard(self._outlet.playout.presumed(self._now()), proven=False)
            if not self._parting.said:
                await self._mind_engine(elapsed)
            if not self._parting.decided:
                self._mind_limits(elapsed)

    async def _mind_engine(self, elapsed: float) -> None:
        """An engine that is not heard has its caller on hold."""
        if self._rescue and self._inlet.heard_media and elapsed - self._engine_heard > ENGINE_STALL_SECONDS:
            self._begin_hold(self._rescue)
        if self._hold:
            await self._play_on(self._hold)

    def _mind_limits(self, elapsed: float) -> None:
        limits = self.persona.limits
        lasted = elapsed + self._earlier_seconds
        if lasted > limits.call_seconds + OVERTIME_SECONDS:
            self._finish(Outcome("too_long", f"the call lasted longer than {limits.call_seconds} s"))
        elif lasted > limits.call_seconds and not self._too_long_said:
            self._too_long_said = True
            self._parting.how = "too_long"
            self._slot.say(limits.goodbye, "hangup")
        elif (step := self._idle.due(elapsed)) == "ask":
            self._slot.say(limits.idle_question)
        elif step == "end":
            self._parting.how = "idle"
            self._slot.say(limits.goodbye, "hangup")

    def _elapsed(self) -> float:
        """Seconds of the call's clock."""
        return self._inlet.elapsed

    def _now(self) -> int:
        """The call's clock in samples at 8 kHz."""
        return self._inlet.now

    # -- the end

    def _finish(self, outcome: Outcome) -> None:
        if not self._over.done():
            self._over.set_result(outcome)

    def _wind_up(self, outcome: Outcome) -> None:
        """Write what is known of the last words, and how the call ended."""
        self._heard(self._outlet.playout.presumed(self._now()), proven=False)
        self._outlet.take_back("call_ended")
        counted = self._inlet.counters
        self._write(
            records.Ended(
                outcome.how,
                outcome.reason,
                self._utc_now(),
                round(self._inlet.position_ms / 1000, 3),
                {
                    "packets": counted.packets,
                    "filled_ms": counted.filled_ms,
                    "late_ms": counted.late_ms,
                    "surplus_ms": counted.surplus_ms,
                    "put_in_ms": counted.put_in_ms,
                    "left_out_ms": counted.left_out_ms,
                    "skipped_silence_ms": self._outlet.playout.skipped_ms,
                    "unreadable_messages": self._malformed,
                    "verdicts": self._verdicts,
                    "reseats": self._reseats,
                },
            )
        )
