"""/api/v1/messages: what SEN has not taken yet, what is held and why, and what SEN said."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import reach, scopes
from gateways.oauth.tokens import Caller
from gateways.rest.problems import conflict
from gateways.rest.requests import Document, PageQuery
from gateways.rest.views import Resource
from ingest import outbox
from ingest.api import reached
from ingest.models import Attempt, Der, Message

MESSAGE_ID = "[0-9]{1,18}"
_State = Message.State


class MessageQuery(PageQuery):
    """Only what the two partial indexes hold is listed: there are few held messages, and few that wait at a gateway."""

    status = serializers.ChoiceField(
        source="state", choices=[_State.HELD.value, _State.WAITING.value], default=_State.HELD.value,
        error_messages={
            "invalid_choice": "Choose `held` or `waiting`. Delivered messages are counted in the gateway's queue, and"
            " their readings are in its telemetry."
        },
    )  # fmt: skip
    gateway = serializers.CharField(source="gateway__serial", required=False, max_length=64)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["state"] == _State.WAITING and not attrs.get("gateway__serial"):
            raise serializers.ValidationError({"gateway": "Name the gateway whose waiting messages you want."})
        return attrs


class MessageDocument(Document):
    """Readings of one DER on their way to SEN: signed when they are sent."""

    id = serializers.IntegerField(source="pk", help_text="As events name it.")
    gateway = serializers.CharField(source="gateway.serial")
    sn = serializers.CharField(source="der.sn", help_text="Serial of the DER.")
    status = serializers.ChoiceField(source="state", choices=_State.choices)
    held_reason = serializers.CharField()
    points = serializers.IntegerField(help_text="How many instants it tells of.")
    first_at = serializers.DateTimeField(source="first_ts", help_text="The first of them.")
    last_at = serializers.DateTimeField(source="last_ts")
    created_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(allow_null=True, help_text="When it was delivered or held.")

    example: ClassVar = {
        "id": 40721, "gateway": "acme-0123456789abcdef", "sn": "INV-1001", "status": "held",
        "held_reason": "HTTP 400 unknown field", "points": 12, "first_at": "2026-06-15T11:00:00Z",
        "last_at": "2026-06-15T11:55:00Z", "created_at": "2026-06-15T11:56:00Z", "done_at": "2026-06-15T11:56:02Z",
    }  # fmt: skip


class AttemptDocument(Document):
    """One try that SEN did not answer with 200."""

    at = serializers.DateTimeField()
    outcome = serializers.CharField(help_text="`unavailable`, `throttled`, `unauthorized` or `refused`.")
    code = serializers.IntegerField(
        source="status", allow_null=True, help_text="HTTP status; null where no answer came."
    )
    body = serializers.CharField(help_text="How SEN's answer begins.")
    duration_ms = serializers.IntegerField()

    example: ClassVar = {
        "at": "2026-06-15T11:56:02Z", "outcome": "refused", "code": 400, "body": "unknown field", "duration_ms": 84,
    }  # fmt: skip


class Messages(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The outbox: messages that are held, or wait."""

    required_scope = scopes.GATEWAYS_READ
    write_scope = scopes.GATEWAYS_WRITE
    model = Message
    partner_path = "gateway__partner"
    serializer_class = MessageDocument
    queries: ClassVar = {"list": MessageQuery}
    lookup_field = "pk"
    lookup_url_kwarg = "message"
    lookup_value_regex = MESSAGE_ID

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return _known(self.caller, rows).select_related("gateway__partner", "der")

    @action(detail=True, methods=["post"])
    def retry(self, request: Request, message: str) -> Response:  # noqa: ARG002
        """Put a held message back into its queue, at its old place."""
        row = self.get_object()
        if not outbox.retry_message(message=row, by=self.by, now=timezone.now()):
            msg = "The message is not held."
            raise conflict(msg)
        return Response(self.fresh(row))


class Attempts(mixins.ListModelMixin, Resource):
    """Tries to deliver one message, the newest first."""

    required_scope = scopes.GATEWAYS_READ
    model = Attempt
    partner_path = "message__gateway__partner"
    serializer_class = AttemptDocument
    newest_first = True

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        message = get_object_or_404(_known(self.caller, Message.objects.all()), pk=self.kwargs["message"])
        return rows.filter(message=message)


def _known(caller: Caller, rows: QuerySet[Message]) -> QuerySet[Message]:
    """Keep the messages that a caller may know of: of its gateways, and of devices that it sees."""
    return rows.filter(gateway__in=reach.gateways(caller), der__in=reached.shared(caller, Der.objects.all()))
