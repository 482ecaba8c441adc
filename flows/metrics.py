"""What a process measures, for Prometheus: on a port of its own, on the loopback unless told.

The names are a promise to whoever draws graphs of them; ``operators.counters`` and
``operators.meter`` say what is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector

from operators.meter import BOUNDS_US

if TYPE_CHECKING:
    from flows.production import Part

__all__ = ["FlowMetrics", "serve_metrics"]


class FlowMetrics:
    """The figures of one production process, collected when somebody asks.

    Its parts share counters, and what they send with.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Return everything that is measured."""
        yield self._steps()
        yield self._events()
        lag = GaugeMetricFamily(
            "citywatch_lag_messages",
            "messages a partition is behind its end",
            labels=["flow", "partition"],
        )
        for part in self._parts:
            for partition, behind in sorted(part.lags.items()):
                lag.add_metric([part.flow, str(partition)], behind)
        yield lag
        first = self._parts[0]
        away = any(part.broker.away_since_ms is not None for part in self._parts)
        yield GaugeMetricFamily(
            "citywatch_broker_up", "1 while the broker answers", value=0 if away else 1
        )
        yield CounterMetricFamily(
            "citywatch_sent_messages", "messages given to Kafka", value=first.outbox.sent
        )

    def _steps(self) -> Metric:
        family = HistogramMetricFamily(
            "citywatch_step_seconds", "how long a step took for one batch", labels=["flow", "step"]
        )
        for part in self._parts:
            for step, histogram in list(part.meter.steps.items()):
                total, buckets = 0, []
                for bound, count in zip((*BOUNDS_US, None), histogram.buckets, strict=True):
                    total += count
                    buckets.append(("+Inf" if bound is None else str(bound / 1e6), total))
                family.add_metric([part.flow, step], buckets, histogram.total_us / 1e6)
        return family

    def _events(self) -> Metric:
        family = CounterMetricFamily(
            "citywatch_events", "what a step did with what it was given", labels=["step", "outcome"]
        )
        for account in self._parts[0].counters.accounts():
            for outcome in ("received", "sent", "late", "rejected"):
                family.add_metric([account.step, outcome], getattr(account, outcome))
        return family


def serve_metrics(parts: Sequence[Part], host: str, port: int) -> int:
    """Serve the figures of a process; return the port, which is a free one where 0 was asked for.

    A thread of its own answers, a few milliseconds of work each time somebody asks.
    """
    registry = CollectorRegistry()
    registry.register(FlowMetrics(parts))
    ProcessCollector(registry=registry)
    server, _ = start_http_server(port, host, registry)
    return int(server.server_port)
