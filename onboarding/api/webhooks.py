"""/api/v1/webhooks: where a partner's events are delivered, and what came of it."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways import events
from gateways.oauth import scopes
from gateways.rest import waiting
from gateways.rest.requests import Body, Document, PageQuery, Time
from gateways.rest.views import Resource
from onboarding.models import WebhookDelivery, WebhookEndpoint
from onboarding.webhooks import deliveries, endpoints, sending
from onboarding.webhooks.calls import Kind

_NAMES = [(endpoints.ALL, "all of them"), *events.NAMES.items()]
_HOURS = int(endpoints.LONGEST_PREVIOUS_VALID.total_seconds() // 3600)
_EXAMPLE_ID = "5f0c2f0e-93d1-4b6e-8a55-0d8a1c7c9b3e"


class WebhookQuery(PageQuery):
    status = serializers.ChoiceField(source="state", choices=WebhookEndpoint.State.choices, required=False)


class _SecretBody(Body):
    secret = serializers.CharField(
        min_length=24, max_length=256, default="", trim_whitespace=False,
        help_text="Printable ASCII without blanks. Without one, we make it and show it in this answer alone.",
    )  # fmt: skip


class NewWebhookBody(_SecretBody):
    url = serializers.CharField(
        max_length=500, trim_whitespace=False, help_text="https and a public address, outside the sandbox."
    )
    events = serializers.ListField(
        child=serializers.ChoiceField(_NAMES), allow_empty=False, default=[endpoints.ALL], source="names",
        help_text='Exact names, or `["*"]` for all.',
    )  # fmt: skip
    name = serializers.CharField(max_length=100, default="", allow_blank=True, help_text="For the partner's own staff.")

    example: ClassVar = {
        "url": "https://acme.example/hooks/portal", "events": ["enrollment.activated", "connection.needs_reconnect"],
        "name": "Backend",
    }  # fmt: skip


class WebhookBody(Body):
    url = serializers.CharField(
        max_length=500,
        required=False,
        trim_whitespace=False,
        help_text="Another one has to answer the challenge first.",
    )
    events = serializers.ListField(
        child=serializers.ChoiceField(_NAMES), allow_empty=False, required=False, source="names",
        help_text="From now on; those before are not looked through again.",
    )  # fmt: skip
    name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    paused = serializers.BooleanField(required=False, help_text="false: go on from where it stopped.")

    example: ClassVar = {"events": ["*"], "paused": False}


class SecretBody(_SecretBody):
    previous_valid_hours = serializers.IntegerField(
        min_value=0, max_value=_HOURS, default=int(endpoints.PREVIOUS_VALID.total_seconds() // 3600),
        help_text="So long the secret before signs, too.",
    )  # fmt: skip

    example: ClassVar = {"previous_valid_hours": 24}


class ReplayBody(Body):
    """Either of the two."""

    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False, help_text="A sequence.")
    since = Time(required=False)

    example: ClassVar = {"after": 1741}


class WebhookDocument(Document):
    """Where events are delivered. It has had all those up to `after` that it wants."""

    id = serializers.UUIDField(source="uid")
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField(), source="names")
    status = serializers.ChoiceField(source="state", choices=WebhookEndpoint.State.choices)
    paused_reason = serializers.ChoiceField(choices=[("", "not paused"), *WebhookEndpoint.Reason.choices])
    paused_at = serializers.DateTimeField(allow_null=True)
    after = serializers.IntegerField(source="cursor", help_text="Sequence of the last event it has had.")
    pending_events = serializers.SerializerMethodField(help_text="How many wait for it; 10000: that many or more.")
    failing_since = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField(help_text="Tries that failed since the last success.")
    last_error = serializers.CharField()
    last_try_at = serializers.DateTimeField(help_text="Before the first try: when it was made.")
    last_success_at = serializers.DateTimeField(allow_null=True)
    next_try_at = serializers.DateTimeField(source="due_at", help_text="If something waits then.")
    previous_secret_valid_until = serializers.DateTimeField(source="previous_until", allow_null=True)
    created_at = serializers.DateTimeField()

    example: ClassVar = {
        "id": _EXAMPLE_ID, **NewWebhookBody.example, "status": "active", "paused_reason": "", "paused_at": None,
        "after": 1742, "pending_events": 0, "failing_since": None, "failures": 0, "last_error": "",
        "last_try_at": "2026-06-15T12:00:00Z", "last_success_at": "2026-06-15T12:00:00Z",
        "next_try_at": "2026-06-15T12:00:00Z", "previous_secret_valid_until": None,
        "created_at": "2026-06-01T12:00:00Z",
    }  # fmt: skip

    @functools.cached_property
    def _pending(self) -> dict[int, int]:
        shown: Any = self.root.instance  # a page of them, or one
        return deliveries.pending_of(shown if isinstance(shown, list) else [shown])

    def get_pending_events(self, row: WebhookEndpoint) -> int:
        return self._pending[row.pk]


class WebhookSecretDocument(WebhookDocument):
    """A webhook that has just got a secret."""

    secret = serializers.SerializerMethodField(help_text="If we made it: keep it, it is shown this once.")

    example: ClassVar = {**WebhookDocument.example, "secret": "Zx8…"}

    def get_secret(self, _row: WebhookEndpoint) -> str | None:
        made: str | None = self.context["view"].made_secret
        return made


class TrialDocument(Document):
    """What an endpoint said to a test call."""

    status = serializers.ChoiceField(choices=["success", "failure"])
    sent = serializers.ChoiceField(
        choices=[Kind.TEST.value, Kind.CHALLENGE.value],
        help_text="An endpoint that has not answered our challenge yet is sent that.",
    )
    code = serializers.IntegerField(source="reply.status", allow_null=True, help_text="HTTP status.")
    duration_ms = serializers.IntegerField(source="reply.duration_ms")
    body = serializers.SerializerMethodField(help_text="Its beginning, in one line.")
    error = serializers.CharField()

    example: ClassVar = {
        "status": "success", "sent": "test", "code": 200, "duration_ms": 84, "body": "ok", "error": "",
    }  # fmt: skip

    def get_body(self, trial: sending.Trial) -> str:
        return deliveries.excerpt(trial.reply)


class DeliveryDocument(Document):
    """Events that were sent at once. The id is the header `Portal-Delivery`, the same for every try."""

    id = serializers.UUIDField(source="uid")
    status = serializers.ChoiceField(choices=WebhookDelivery.STATUSES)
    first = serializers.IntegerField(help_text="Sequence of the first event in it.")
    last = serializers.IntegerField(help_text="Where the webhook's `after` is when it is delivered.")
    count = serializers.IntegerField(help_text="How many events are in it.")
    attempts = serializers.IntegerField()
    code = serializers.IntegerField(source="http_status", allow_null=True, help_text="HTTP status of the last answer.")
    body = serializers.CharField(source="answer", help_text="Beginning of the last answer.")
    error = serializers.CharField()
    duration_ms = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    last_try_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)

    example: ClassVar = {
        "id": "0b0e7a52-8f3c-4c52-9d2c-5a3c1f0e9a11", "status": "delivered", "first": 1742, "last": 1742, "count": 1,
        "attempts": 1, "code": 200, "body": "ok", "error": "", "duration_ms": 84, "created_at": "2026-06-15T12:00:00Z",
        "last_try_at": "2026-06-15T12:00:00Z", "delivered_at": "2026-06-15T12:00:00Z",
    }  # fmt: skip


class Webhooks(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Where events are delivered. Whoever may say so gets to see all events of the partner."""

    required_scope = scopes.WEBHOOKS_WRITE
    model = WebhookEndpoint
    partner_path = "partner"
    queries: ClassVar = {"list": WebhookQuery}
    bodies: ClassVar = {
        "create": NewWebhookBody, "partial_update": WebhookBody, "secret": SecretBody, "replay": ReplayBody,
    }  # fmt: skip
    serializer_class = WebhookDocument
    may_fail: ClassVar = dict.fromkeys(("create", "partial_update", "test"), (503,))
    lookup_url_kwarg = "webhook"

    made_secret: str | None = None

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().select_related("partner")

    def get_serializer_class(self) -> Any:
        return WebhookSecretDocument if self.action == "create" else super().get_serializer_class()

    @waiting.waits
    def create(self, request: Request) -> Response:  # noqa: ARG002  the framework's
        """Make a webhook. It gets what happens from now on, once it has answered our challenge."""
        asked = self.body()
        made, secret = endpoints.create(partner=self.caller.partner, by=self.by, now=timezone.now(), **asked)
        self.made_secret = None if asked["secret"] else secret
        return self.created(self.document(made), "webhooks-detail", webhook=str(made.uid))

    @waiting.waits
    def partial_update(self, request: Request, webhook: str) -> Response:  # noqa: ARG002
        """Change a webhook, pause it or let it go on."""
        changed = endpoints.change(endpoint=self.get_object(), by=self.by, now=timezone.now(), **self.body())
        return Response(self.document(changed))

    def destroy(self, request: Request, webhook: str) -> Response:  # noqa: ARG002
        """Delete a webhook. The events stay in the log."""
        endpoints.delete(endpoint=self.get_object(), by=self.by, now=timezone.now())
        return Response(status=204)

    @action(detail=True, methods=["post"], serializer_class=WebhookSecretDocument)
    def secret(self, request: Request, webhook: str) -> Response:  # noqa: ARG002
        """Give a webhook another secret. The one before signs as well, as long as you say."""
        asked = self.body()
        valid = timedelta(hours=asked.pop("previous_valid_hours"))
        row, secret = endpoints.renew_secret(
            endpoint=self.get_object(), previous_valid=valid, by=self.by, now=timezone.now(), **asked
        )
        self.made_secret = None if asked["secret"] else secret
        return Response(self.document(row))

    @action(detail=True, methods=["post"], serializer_class=TrialDocument)
    @waiting.waits
    def test(self, request: Request, webhook: str) -> Response:  # noqa: ARG002
        """Send a test call, or the challenge where it was not answered yet, and tell what came of it.

        A webhook that we paused goes on after a success.
        """
        trial = sending.try_out(endpoint=self.get_object(), by=self.by, now=timezone.now())
        return Response(self.document(trial))

    @action(detail=True, methods=["post"])
    def replay(self, request: Request, webhook: str) -> Response:  # noqa: ARG002
        """Set a webhook back: the events behind a sequence, or since a time, are delivered again."""
        row = endpoints.replay(endpoint=self.get_object(), by=self.by, now=timezone.now(), **self.body())
        return Response(self.document(row))


class WebhookDeliveries(mixins.ListModelMixin, Resource):
    """What was delivered to a webhook in the last 30 days, and what is on its way; the newest first."""

    required_scope = scopes.WEBHOOKS_WRITE
    model = WebhookDelivery
    partner_path = "endpoint__partner"
    serializer_class = DeliveryDocument
    newest_first = True

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        mine = WebhookEndpoint.objects.filter(partner=self.caller.partner, uid=self.kwargs["webhook"])
        return rows.filter(endpoint=get_object_or_404(mine))
