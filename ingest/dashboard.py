"""The admin's front page: the fleet of the user's partners at a glance.

A dozen queries, however many readings and messages there are: the chart comes from the pulls and the minutes of the
last hour, the totals from the gateways' queues.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncMinute
from django.http import HttpRequest
from django.utils import timezone

from gateways import access
from gateways.access import Duty
from gateways.admin import columns
from gateways.models import Gateway, GatewayType
from ingest import queues
from ingest.models import Connection, GatewayQueue, Heartbeat, Message, Minute, PullRun

BEAT_MAX_AGE = timedelta(seconds=60)
_STEP_MINUTES = 5
_STEPS = 12
_ROWS = 5
_State = Message.State


def context(request: HttpRequest, page: dict[str, Any]) -> dict[str, Any]:
    """Add what the front page shows to its context."""
    fleet = _Fleet(request.user, timezone.now())
    return {
        **page,
        "partners": list(access.partners(request.user, Duty.SEE)[:_ROWS]),
        "gateways": fleet.gateways(),
        "queues": fleet.queues(),
        "waiting_longest": fleet.waiting_longest(),
        "held_queues": fleet.held_queues(),
        "held_messages": fleet.held_messages(),
        "connections": fleet.connections(),
        "troubled_connections": fleet.troubled_connections(),
        "hour": fleet.hour(),
        "beat": _beat(fleet.now),
        "has_types": fleet.of(GatewayType, "partner").exists(),
    }


class _Fleet:
    """The rows of the partners that a user may see."""

    def __init__(self, user: access.User, now: datetime) -> None:
        self.user, self.now = user, now

    def of(self, model: type[Any], path: str) -> QuerySet[Any]:
        rows: QuerySet[Any] = model._default_manager.all()
        return access.limit(rows, (path,), self.user, Duty.SEE)

    def gateways(self) -> dict[str, Any]:
        """Return how many gateways there are in each status, in the order of their life."""
        rows = self.of(Gateway, "partner").order_by().values_list("status")
        counts = dict(rows.annotate(count=Count("pk")))
        by_status = [(status.value, counts[status.value]) for status in Gateway.Status if status.value in counts]
        return {"total": sum(counts.values()), "by_status": by_status}

    def queues(self) -> dict[str, int]:
        """Return the sums over all queues: waiting, delivered, held, and the messages held one by one."""
        held = Count("pk", filter=Q(held_at__isnull=False))
        sums = self._queues().aggregate(waiting=Sum("waiting"), delivered=Sum("delivered"), held=held)
        messages = self.of(Message, "gateway__partner").filter(state=_State.HELD)
        return {name: value or 0 for name, value in sums.items()} | {"held_messages": messages.count()}

    def waiting_longest(self) -> list[dict[str, Any]]:
        """Return the queues whose head message waits longest, each with the reason."""
        waiting = queues.with_oldest(self._queues().filter(waiting__gt=0))
        rows: QuerySet[Any] = queues.with_key(waiting).select_related("gateway")
        return [
            {
                "gateway": columns.to(queue.gateway),
                "count": queue.waiting,
                "since": columns.since(queue.oldest_at),
                "why": _why(queue),
            }
            for queue in rows.order_by("oldest_at")[:_ROWS]
            if queue.oldest_at
        ]

    def held_queues(self) -> list[dict[str, Any]]:
        """Return the queues that were held last."""
        held = self._queues().filter(held_at__isnull=False).select_related("gateway")
        return [
            {
                "gateway": columns.to(queue.gateway),
                "since": columns.since(queue.held_at),
                "why": queue.held_reason,
                "count": queue.waiting,
            }
            for queue in held.order_by("-held_at")[:_ROWS]
        ]

    def held_messages(self) -> list[dict[str, Any]]:
        """Return the reasons for which most messages are held."""
        held = self.of(Message, "gateway__partner").filter(state=_State.HELD)
        reasons = held.order_by().values("held_reason").annotate(count=Count("pk"), newest=Max("done_at"))
        return [{**row, "since": columns.since(row["newest"])} for row in reasons.order_by("-count")[:_ROWS]]

    def connections(self) -> dict[str, int]:
        """Return how many accounts there are, and how many of them are being read without trouble."""
        well = Count("pk", filter=Q(status=Connection.Status.ACTIVE, failures=0))
        return self.of(Connection, "partner").aggregate(
            total=Count("pk", filter=~Q(status=Connection.Status.DISCONNECTED)), well=well
        )

    def troubled_connections(self) -> list[dict[str, Any]]:
        """Return the accounts that need somebody, those that wait for a person first."""
        trouble = Q(status=Connection.Status.NEEDS_RECONNECT) | Q(status=Connection.Status.ACTIVE, failures__gt=0)
        rows = self.of(Connection, "partner").filter(trouble)
        return [
            {
                "connection": columns.to(row), "status": row.get_status_display(), "error": row.last_error,
                "success": columns.since(row.last_success_at), "failed": columns.since(row.last_error_at),
            }
            for row in rows.order_by("-status", F("last_success_at").asc(nulls_first=True))[: 2 * _ROWS]
        ]  # fmt: skip

    def hour(self) -> dict[str, Any]:
        """Return what came in and what went out in the last hour, by five minutes, with the chart's data.

        Readings of homes whose owners do not share them with staff are not counted.
        """
        last = self.now.replace(minute=self.now.minute - self.now.minute % _STEP_MINUTES, second=0, microsecond=0)
        starts = [last - timedelta(minutes=_STEP_MINUTES * back) for back in reversed(range(_STEPS))]
        readings = self._by_step(self._readings_by_minute(starts[0]), last)
        messages = self._by_step(self._messages_by_minute(starts[0]), last)
        rows = [(start, readings[start], messages[start]) for start in starts]
        return {
            "rows": rows, "readings": readings.total(), "messages": messages.total(), "step": _STEP_MINUTES,
            "chart": orjson.dumps(_chart(rows)).decode(),
        }  # fmt: skip

    def _queues(self) -> QuerySet[GatewayQueue]:
        return self.of(GatewayQueue, "gateway__partner")

    def _readings_by_minute(self, start: datetime) -> QuerySet[Any]:
        runs = self.of(PullRun, "connection__partner").filter(started_at__gte=start, changed__gt=0, system__shown=True)
        by_minute: QuerySet[Any] = runs.order_by().values_list(TruncMinute("started_at")).annotate(Sum("changed"))
        return by_minute

    def _messages_by_minute(self, start: datetime) -> QuerySet[Any]:
        minutes = self.of(Minute, "partner").filter(at__gte=start).order_by()
        by_minute: QuerySet[Any] = minutes.values_list("at").annotate(Sum("delivered"))
        return by_minute

    def _by_step(self, by_minute: QuerySet[Any], last: datetime) -> Counter[datetime]:
        steps: Counter[datetime] = Counter()
        for minute, count in by_minute:
            # A clock that was put back may have left minutes ahead of now.
            start = minute - timedelta(minutes=minute.minute % _STEP_MINUTES)
            steps[min(start, last)] += count
        return steps


def _why(queue: Any) -> str:
    return queues.why_waiting(queue, has_key=queue.has_key) or (queue.last_error if queue.failures else "")


def _beat(now: datetime) -> dict[str, Any]:
    last = Heartbeat.objects.aggregate(at=Max("at"))["at"]
    return {"since": columns.since(last), "late": last is None or now - last > BEAT_MAX_AGE}


def _chart(rows: list[tuple[datetime, int, int]]) -> dict[str, Any]:
    """Return the data of Chart.js; the second line is dashed, so that color is not all that tells them apart."""
    first, second = "var(--color-primary-500)", "var(--color-base-400)"
    return {
        "labels": [f"{start:%H:%M}" for start, _, _ in rows],
        "datasets": [
            {
                "label": "New readings",
                "data": [readings for _, readings, _ in rows],
                "borderColor": first,
                "displayYAxis": True,
            },
            {
                "label": "Messages delivered",
                "data": [sent for _, _, sent in rows],
                "borderColor": second,
                "borderDash": [5, 4],
            },
        ],
    }
