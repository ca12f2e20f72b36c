"""/api/v1/queues, and the queue of one gateway: what waits for SEN, and why."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.models import Gateway
from gateways.oauth import reach, scopes
from gateways.rest.problems import conflict
from gateways.rest.requests import Body, Document, PageQuery
from gateways.rest.views import Resource
from ingest import outbox, queues
from ingest.api.gateways import OfGateway
from ingest.models import GatewayQueue


class HoldBody(Body):
    reason = serializers.CharField(max_length=300, help_text="Is shown where the queue waits.")

    example: ClassVar = {"reason": "The meter is being replaced."}


class QueueDocument(Document):
    """What waits for SEN of one gateway. Messages leave oldest first; a failing one lets its own gateway wait."""

    gateway = serializers.CharField(source="queue.gateway.serial")
    waiting = serializers.IntegerField(source="queue.waiting", help_text="Messages that wait.")
    delivered = serializers.IntegerField(source="queue.delivered", help_text="Messages delivered since the beginning.")
    why_waiting = serializers.CharField(help_text="Why they do not go out, and what to do; empty if they do.")
    oldest_at = serializers.DateTimeField(allow_null=True, help_text="When the oldest that waits came in.")
    due_at = serializers.DateTimeField(source="queue.due_at", allow_null=True, help_text="When it is tried next.")
    failures = serializers.IntegerField(source="queue.failures", help_text="Failed tries since the last delivery.")
    last_delivered_at = serializers.DateTimeField(source="queue.last_delivered_at", allow_null=True)
    last_error_at = serializers.DateTimeField(source="queue.last_error_at", allow_null=True)
    last_error = serializers.CharField(source="queue.last_error")
    held_at = serializers.DateTimeField(source="queue.held_at", allow_null=True)
    held_reason = serializers.CharField(source="queue.held_reason")

    example: ClassVar = {
        "gateway": "acme-0123456789abcdef", "waiting": 12, "delivered": 40721, "why_waiting": "",
        "oldest_at": "2026-06-15T11:59:30Z", "due_at": "2026-06-15T12:00:00Z", "failures": 0,
        "last_delivered_at": "2026-06-15T11:59:58Z", "last_error_at": None, "last_error": "", "held_at": None,
        "held_reason": "",
    }  # fmt: skip


class QueueQuery(PageQuery):
    held = serializers.BooleanField(required=False, help_text="Only those that are held, or only those that are not.")
    failing = serializers.BooleanField(required=False, help_text="Only those whose last try failed, or did not.")
    waits = serializers.BooleanField(required=False, help_text="Only those in which something waits, or nothing.")


class Queues(Resource):
    """The queues of all gateways, to find what is stuck."""

    required_scope = scopes.GATEWAYS_READ
    model = GatewayQueue
    partner_path = "gateway__partner"
    serializer_class = QueueDocument
    queries: ClassVar = {"list": QueueQuery}

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(gateway__in=reach.gateways(self.caller))

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        true_of = {"held": Q(held_at__isnull=False), "failing": Q(failures__gt=0), "waits": Q(waiting__gt=0)}
        for name, wanted in true_of.items():
            if name in self.query:
                rows = rows.filter(wanted if self.query[name] else ~wanted)
        return rows

    def list(self, request: Request) -> Response:  # noqa: ARG002
        """List queues, with what waits in each of them and why."""
        page = self.paginate_queryset(self.get_queryset()) or []
        stand = queues.states(GatewayQueue.objects.filter(pk__in=[row.pk for row in page]).order_by("pk"))
        return self.get_paginated_response(self.get_serializer(stand, many=True).data)


class QueueOfGateway(OfGateway):
    """The queue of a gateway."""

    serializer_class = QueueDocument
    bodies: ClassVar = {"hold": HoldBody}

    @action(detail=True, methods=["get"])
    def queue(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Show what waits of one gateway, and why."""
        return self._shown(self.get_object())

    @action(detail=True, methods=["post"], url_path="queue/hold")
    def hold(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Send nothing until the queue is released; what comes in waits."""
        row = self.get_object()
        outbox.hold_queue(gateway=row, **self.body(), by=self.by, now=timezone.now())
        return self._shown(row)

    @action(detail=True, methods=["post"], url_path="queue/release")
    def release(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Let a held queue go on."""
        row = self.get_object()
        if not outbox.release_queue(gateway=row, by=self.by, now=timezone.now()):
            msg = "The queue is not held."
            raise conflict(msg)
        return self._shown(row)

    @action(detail=True, methods=["post"], url_path="queue/push")
    def push(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Try at once what waits after a failure."""
        row = self.get_object()
        if not outbox.push_soon(gateway=row, now=timezone.now()):
            msg = "Nothing waits, or the queue is held: release it first."
            raise conflict(msg)
        return self._shown(row)

    def _shown(self, row: Gateway) -> Response:
        return Response(self.document(queues.state_of(row)))
