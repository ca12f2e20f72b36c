"""What is done to a gateway at SEN, and its queue: the part of /api/v1/gateways that `gateways` knows nothing of."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.api.gateways import GATEWAY_ID, GatewayDocument
from gateways.models import Gateway
from gateways.oauth import reach, scopes
from gateways.rest.problems import conflict
from gateways.rest.requests import Body, Document
from gateways.rest.views import Resource
from ingest import lifecycle, outbox


class InceptionDocument(Document):
    """What SEN says to a rehearsal of inception."""

    agrees = serializers.BooleanField()

    example: ClassVar = {"agrees": True}


class _OfGateway(Resource, abstract=True):
    required_scope = scopes.GATEWAYS_READ
    write_scope = scopes.GATEWAYS_WRITE
    model = Gateway
    partner_path = "partner"
    lookup_field = "serial"
    lookup_url_kwarg = "gateway"
    lookup_value_regex = GATEWAY_ID

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return reach.gateways(self.caller, rows.select_related("gateway_type", "partner", "wallet"))


class AtSen(_OfGateway):
    """Steps of a gateway's life that SEN has a part in."""

    serializer_class = GatewayDocument

    @action(detail=True, methods=["post"])
    def register(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Note that SEN knows the gateway and its key, which signs from now on.

        SEN has no call for it: hand the registration CSV to Sourceful, and come back when they have said so. In the
        sandbox the stand-in is told at once.
        """
        row = lifecycle.register(gateway=self.get_object(), by=self.by, now=timezone.now())
        return Response(self.document(row))

    @action(detail=True, methods=["post"], url_path="rehearse-inception", serializer_class=InceptionDocument)
    def rehearse_inception(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Ask SEN whether it would bind a gateway to its wallet; nothing changes."""
        row = self.get_object()
        return Response({"agrees": lifecycle.incept(gateway=row, by=self.by, now=timezone.now(), dry_run=True)})

    @action(detail=True, methods=["post"])
    def incept(self, request: Request, gateway: str) -> Response:  # noqa: ARG002
        """Have SEN bind a gateway to its wallet, for good: its rewards go there."""
        row = self.get_object()
        if not lifecycle.incept(gateway=row, by=self.by, now=timezone.now()):
            msg = "SEN does not bind it to its wallet: it may belong to another one. Rehearse the inception."
            raise conflict(msg, slug="inception-refused")
        row.refresh_from_db()
        return Response(self.document(row))


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


class Queues(_OfGateway):
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
        return Response(self.document(outbox.state_of(row)))
