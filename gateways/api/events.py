"""/api/v1/events: the partner's log, read from any point on."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways import events, queries
from gateways.models import Event
from gateways.oauth import scopes
from gateways.rest import paging
from gateways.rest.authentication import PARTNERS_OWN
from gateways.rest.requests import Document, PageQuery
from gateways.rest.views import Resource


class EventQuery(PageQuery):
    after = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, required=False, source="sequence__gt",
        help_text="Events behind this sequence; `last_sequence` of the answer before, to go on from there.",
    )  # fmt: skip
    name = serializers.ListField(
        child=serializers.ChoiceField(choices=list(events.NAMES.items())), required=False, source="name__in",
        help_text="Events of this name; say it again for another.",
    )  # fmt: skip
    subject = serializers.CharField(required=False, max_length=100, help_text="What it is about, as events name it.")


class EventDocument(Document):
    """One thing that happened. Events are never changed; each one's hash covers that of the one before."""

    sequence = serializers.IntegerField(help_text="Counts the partner's events from 1, without gaps.")
    at = serializers.DateTimeField()
    name = serializers.CharField(help_text="One of the names that the parameter `name` takes.")
    actor = serializers.CharField(help_text="`client:<id>`, `user:<number>`, or what acted by itself.")
    subject = serializers.CharField(help_text="What it is about: a kind and an id.")
    data = serializers.DictField(  # type: ignore[assignment]  # a field: off the class
        help_text="What there is to say of it; members may be added."
    )
    hash = serializers.CharField(help_text="SHA-256, in hex.")
    previous_hash = serializers.CharField(help_text="That of the event before; empty for the first.")

    example: ClassVar = {
        "sequence": 1742, "at": "2026-06-15T12:00:00.123456Z", "name": "gateway.wallet_named",
        "actor": "client:V0rGqQ2k", "subject": "gateway:acme-0123456789abcdef",
        "data": {"wallet": "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w", "proven": True},
        "hash": "6b1f0c8f4f9c5a0f7f4a4c35f6a0f4d4ad6a3c0f6f3f3c6a5f0d1b9f2c7e8a90",
        "previous_hash": "0f3c6a5f0d1b9f2c7e8a906b1f0c8f4f9c5a0f7f4a4c35f6a0f4d4ad6a3c0f6f",
    }  # fmt: skip


class EventPages(paging.CursorPages):
    """Describes the pages of events, which say how far they have looked."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        told = "How far this answer has looked: send it as `after` to go on."
        looked = {"type": "integer", "description": told, "examples": [1742]}
        return paging.envelope(schema, last_sequence=looked)


class Events(Resource):
    """The event log, oldest first. Whoever asks again and again sends `last_sequence` back as `after`."""

    permission_classes = PARTNERS_OWN
    required_scope = scopes.EVENTS_READ
    model = Event
    partner_path = "partner"
    serializer_class = EventDocument
    queries: ClassVar = {"list": EventQuery}
    pagination_class = EventPages

    def list(self, request: Request) -> Response:
        """List events from any point on.

        `last_sequence` is how far this answer has looked, also where nothing matched: as `after` of the next request
        it leaves nothing out. `next_cursor` is null when there is no more now.
        """
        # Events become visible in their order, because writing one takes the partner's lock: below the newest that is
        # seen here, none will turn up later.
        newest = queries.last_sequence(self.caller.partner.pk)
        rows = self.get_queryset().filter(sequence__lte=newest)
        page = paging.of_rows(rows, cursor=self.query["cursor"], limit=self.query["limit"], by="sequence")
        last = page.rows[-1].sequence if page.next_cursor else newest
        shown: Any = self.get_serializer(page.rows, many=True).data
        return paging.answer(request, shown, page.next_cursor, last_sequence=last)
