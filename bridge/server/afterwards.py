"""Everything that a server does besides calls in progress: summaries, webhooks, and the deleting of old calls."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bridge.engine.llm import Llm, LlmSettings
from bridge.facts.settings import Settings
from bridge.server.aftercall import AfterCall, Wishes
from bridge.server.erasure import Keep
from bridge.server.journal import Journal, JournalError, read_transcript
from bridge.server.retention import Retention
from bridge.server.store import CallStore, Rebuilt
from bridge.server.summaries import Summariser
from bridge.server.webhooks.outbox import Outbox
from bridge.server.webhooks.post import post_office

log = logging.getLogger("bridge.server")


class Afterwards:
    """Owner of these parts. Made before the server listens; `begin` once the index is up to date, `end` last."""

    def __init__(self, settings: Settings, journal: Journal, store: CallStore, public_url: str) -> None:
        """Raises `SettingsError` for a receiver of webhooks, or an LLM_BASE_URL, that cannot be used."""
        self._data_dir = settings.data_dir
        self.office = post_office(settings)
        self.summariser = _summariser(settings)
        keep = Keep(settings.retention_days, settings.recording_retention_days)
        letters = self.office.outbox if self.office else Outbox(settings.data_dir)  # there may be some of other days
        self.forget_letters = letters.forget
        self.retention = Retention(store, settings.data_dir, keep, lambda: datetime.now(UTC), letters.forget)
        self.calls = AfterCall(
            journal,
            Wishes(public_url, verdicts=settings.webhook_verdicts, redact=settings.redact),
            time.time,
            outbox=self.office.outbox if self.office else None,
            post=self.office.dispatcher if self.office else None,
            summariser=self.summariser,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, rebuilt: Rebuilt) -> None:
        """Start the errands; tell of calls that the death of a process has cut off."""
        self._start(self.retention.run())
        if self.office:
            self._start(self.office.dispatcher.run())
            self._start(self._tell_of_interrupted(rebuilt))

    async def end(self) -> None:
        """After the last call: let what is to be told reach the disk, and stop."""
        await self.calls.settle()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.office:
            await self.office.delivery.close()
        if self.summariser:
            self.summariser.close()

    def metrics(self) -> Iterator[Metric]:
        """For `/metrics`."""
        retention, summariser, office = self.retention, self.summariser, self.office
        yield CounterMetricFamily("callbridge_calls_expired", "Calls deleted after their days.", retention.calls)
        if summariser:
            yield CounterMetricFamily("callbridge_summaries", "Summaries written.", summariser.written)
            yield CounterMetricFamily("callbridge_summaries_failed", "Summaries that failed.", summariser.failed)
        if office:
            counted, kept = office.dispatcher.counters, office.outbox.counters
            yield CounterMetricFamily("callbridge_webhooks_delivered", "Webhooks taken.", counted.delivered)
            yield CounterMetricFamily("callbridge_webhooks_failed", "Attempts that failed.", counted.failed)
            yield CounterMetricFamily("callbridge_webhooks_given_up", "Webhooks given up.", counted.given_up)
            yield CounterMetricFamily("callbridge_webhooks_lost", "Webhooks lost to a slow disk.", self.calls.lost)
            yield GaugeMetricFamily("callbridge_webhooks_waiting", "Webhooks in the queue.", kept.waiting)
            yield GaugeMetricFamily("callbridge_webhooks_dead", "Dead letters.", kept.dead)

    def _start(self, errand: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(errand))
        self._tasks[-1].add_done_callback(_complain)

    async def _tell_of_interrupted(self, rebuilt: Rebuilt) -> None:
        for name in rebuilt.cut_off:
            try:
                self.calls.found_interrupted(await asyncio.to_thread(read_transcript, self._data_dir, name))
            except JournalError:
                log.warning("no webhook tells of a call that was interrupted: its transcript is gone")


def _complain(task: asyncio.Task[None]) -> None:
    """An errand that ends by an error must not do so in silence."""
    if not task.cancelled() and (error := task.exception()):
        log.error("an errand of the server has ended by an error of the bridge", exc_info=error)


def _summariser(settings: Settings) -> Summariser | None:
    if not settings.llm_base_url:
        return None
    secret = settings.llm_api_key
    llm = Llm(
        LlmSettings(
            base_url=settings.llm_base_url,
            model_id=settings.model_id,
            api_key=secret.get_secret_value() if secret else None,
            temperature=settings.llm_temperature,
            top_p=settings.llm_top_p,
            max_tokens=settings.llm_max_tokens,
        )
    )
    return Summariser(llm, time.monotonic)
