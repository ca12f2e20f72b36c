"""What /metrics says about the data plane, read from the database: every web process answers the same."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector as PrometheusCollector

from ingest import queues
from ingest.models import Connection, GatewayQueue, Heartbeat, Message, Tally

_TALLIES = {Tally.Kind.PULL: ("portal_pulls", "Pulls"), Tally.Kind.PUSH: ("portal_pushes", "Tries to push a message")}


class Collector(PrometheusCollector):
    """Asks the database at every scrape; ages are in seconds."""

    def collect(self) -> Iterator[Metric]:
        yield from _tallies()
        yield from _queues()
        yield _connections()
        yield from _beat()


def _tallies() -> Iterator[Metric]:
    rows = list(Tally.objects.order_by("kind", "vendor", "outcome"))
    for kind, (name, words) in _TALLIES.items():
        labels = ("vendor", "outcome")
        counts = CounterMetricFamily(name, f"{words}, by vendor and outcome.", labels=labels)
        durations = SummaryMetricFamily(f"{name}_seconds", f"How long they took: {words.lower()}.", labels=labels)
        for row in rows:
            if row.kind == kind:
                counts.add_metric((row.vendor, row.outcome), row.count)
                durations.add_metric((row.vendor, row.outcome), row.count, row.seconds)
        yield counts
        yield durations


def _queues() -> Iterator[Metric]:
    held_queues = Count("pk", filter=Q(held_at__isnull=False))
    found = GatewayQueue.objects.aggregate(deepest=Max("waiting"), total=Sum("waiting"), held=held_queues)
    oldest = queues.oldest_waiting().aggregate(at=Min("oldest_at"))["at"]
    age = (timezone.now() - oldest).total_seconds() if oldest else 0
    yield _gauge("portal_oldest_waiting_message_seconds", "Age of the message that waits longest for SEN.", age)
    yield _gauge(
        "portal_deepest_queue_messages", "Waiting messages of the gateway with most of them.", found["deepest"]
    )
    yield _gauge("portal_waiting_messages", "Messages that wait for SEN.", found["total"])
    yield _gauge("portal_held_messages", "Messages held until somebody retries them.", _held_messages())
    yield _gauge("portal_held_queues", "Queues held until somebody releases them.", found["held"])


def _held_messages() -> int:
    return Message.objects.filter(state=Message.State.HELD).count()


def _connections() -> Metric:
    family = GaugeMetricFamily("portal_connections", "Accounts at vendors.", labels=("vendor", "status"))
    counts = Connection.objects.order_by("vendor", "status").values_list("vendor", "status").annotate(count=Count("pk"))
    for vendor, status, count in counts:
        family.add_metric((vendor, status), count)
    return family


def _beat() -> Iterator[Metric]:
    """Yield the age of the last beat; nothing before the first one, so that `absent()` finds it."""
    last = Heartbeat.objects.aggregate(at=Max("at"))["at"]
    if last:
        age = (timezone.now() - last).total_seconds()
        yield _gauge("portal_last_beat_age_seconds", "Time since beat last ran.", age)


def _gauge(name: str, documentation: str, value: float | None) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value or 0)
