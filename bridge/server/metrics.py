"""Figures for Prometheus, read from their owners when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.facts.ticks import STEP_CLASSES, WAIT_CLASSES
from bridge.server.call_queue import WAIT_BOUNDS, CallQueue

if TYPE_CHECKING:
    from bridge.server.journal import Journal
    from bridge.server.switchboard import Switchboard
    from bridge.server.tokens import Ticket


class BridgeCollector(Collector):
    """Reads the switchboard, the engine process and the journal."""

    def __init__(self, switchboard: Switchboard, journal: Journal, *more: Callable[[], Iterable[Metric]]) -> None:
        """Nothing is read before `collect`; `more` gives what stands behind these."""
        self._switchboard, self._journal, self._more = switchboard, journal, more
        self._process = psutil.Process()

    def collect(self) -> Iterable[Metric]:
        """One value for each family and label."""
        engine = self._switchboard.engine
        beat = engine.counters.beat
        times = self._process.cpu_times()
        cpu = CounterMetricFamily("callbridge_cpu_seconds", "CPU time used, by process.", labels=["process"])
        cpu.add_metric(["server"], times.user + times.system)
        cpu.add_metric(["engine"], beat.cpu_seconds)
        yield cpu
        rss = GaugeMetricFamily("callbridge_rss_bytes", "Resident memory, by process.", labels=["process"])
        rss.add_metric(["server"], self._process.memory_info().rss)
        rss.add_metric(["engine"], beat.rss_bytes)
        yield rss
        yield GaugeMetricFamily("callbridge_calls", "Calls in progress.", value=self._switchboard.calls)
        yield GaugeMetricFamily("callbridge_slots", "Calls that the engine can hold.", value=engine.capacity)
        yield GaugeMetricFamily("callbridge_slots_admitted", "Calls that are taken at once.", value=engine.limit)
        bounds = GaugeMetricFamily("callbridge_slots_bound", "Calls at once, by what bounds them.", labels=["by"])
        for by, bound in (("tick_time", beat.limit), ("memory", beat.memory_calls)):
            if bound is not None:
                bounds.add_metric([by], bound)
        yield bounds
        kv = GaugeMetricFamily("callbridge_kv_bytes", "Memory for what calls have said and heard.", labels=["state"])
        kv.add_metric(["used"], beat.kv_used_bytes)
        kv.add_metric(["reserved"], beat.kv_reserved_bytes)
        yield kv
        yield GaugeMetricFamily("callbridge_slots_free", "Slots for new calls.", value=self._switchboard.free)
        ready = 1.0 if engine.state == "ready" else 0.0
        yield GaugeMetricFamily("callbridge_engine_ready", "1 while the engine takes calls.", value=ready)
        yield GaugeMetricFamily(
            "callbridge_engine_shedding", "1 while late steps keep new calls out.", value=float(engine.shedding)
        )
        yield _histogram(
            "callbridge_step_seconds", "Length of steps.", STEP_CLASSES, beat.step_counts, beat.step_seconds
        )
        yield _histogram(
            "callbridge_frame_wait_seconds",
            "Time from a whole caller frame to the beginning of its step.",
            WAIT_CLASSES,
            beat.wait_counts,
            beat.wait_seconds,
        )
        away = len(self._switchboard.away)
        yield GaugeMetricFamily("callbridge_calls_away", "Calls whose caller is with a person.", value=away)
        yield from _queue(self._switchboard.queue)
        ended = CounterMetricFamily("callbridge_calls_ended", "Calls ended, by how.", labels=["how"])
        for how, count in self._switchboard.register.ended.items():
            ended.add_metric([how], count)
        yield ended
        verdicts = CounterMetricFamily(
            "callbridge_gate_verdicts",
            "What the topic gate stopped, by persona, topic and action.",
            labels=["persona", "topic", "action"],
        )
        for labels, count in self._switchboard.verdicts.items():
            verdicts.add_metric(labels, count)
        yield verdicts
        audible = self._switchboard.verdicts.audible
        for name, text, value in (
            ("engine_restarts", "Engine processes replaced.", engine.counters.restarts),
            ("calls_reseated", "Calls that went on in a new engine process.", self._switchboard.seating.reseated),
            ("engine_steps", "Steps of the engine process.", beat.steps),
            ("engine_late_ticks", "Steps longer than the time between two ticks.", beat.late_ticks),
            ("engine_missed_ticks", "Ticks left out because of late ones.", beat.missed_ticks),
            ("frames_refused", "Caller frames that found the engine process too busy.", engine.counters.frames_refused),
            ("frames_dropped", "Caller frames dropped because a call was behind.", beat.dropped_frames),
            ("gate_audible_verdicts", "Verdicts before which a phrase's beginning was heard.", audible),
            ("transcript_records_refused", "Records lost to a full disk.", self._journal.counters.records_lost),
        ):
            yield CounterMetricFamily(f"callbridge_{name}", text, value=value)
        yield GaugeMetricFamily(
            "callbridge_transcript_bytes_waiting",
            "Transcript lines that wait for the disk.",
            value=self._journal.counters.waiting_bytes,
        )
        for others in self._more:
            yield from others()


def _queue(queue: CallQueue[Ticket]) -> Iterable[Metric]:
    counters = queue.counters
    yield GaugeMetricFamily("callbridge_callers_on_hold", "Callers on hold now.", value=len(queue))
    yield GaugeMetricFamily("callbridge_longest_hold_seconds", "How long the first has waited.", queue.longest_wait)
    held = CounterMetricFamily(
        "callbridge_holds", "Callers for whom there was no slot, by the end of it.", labels=["end"]
    )
    for end in ("seated", "too_long", "gone", "refused"):
        held.add_metric([end], getattr(counters, end))
    yield held
    yield _histogram(
        "callbridge_hold_seconds",
        "Waits of callers who got a slot.",
        WAIT_BOUNDS,
        counters.waits,
        counters.wait_seconds,
    )


def _histogram(name: str, text: str, bounds: Sequence[float], counts: Sequence[int], total: float) -> Metric:
    """Prometheus counts what lies up to each bound, the lower classes included."""
    bounds_as_text = [*(f"{bound:g}" for bound in bounds), "+Inf"]
    up_to = accumulate(counts or [0] * len(bounds_as_text))
    return HistogramMetricFamily(name, text, list(zip(bounds_as_text, up_to, strict=True)), total)


def exposition(registry: CollectorRegistry) -> bytes:
    """The text that Prometheus reads."""
    return generate_latest(registry)
