"""/api/v1/connections/{id}/pulls: how an account was read, the newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest import paging
from gateways.rest.requests import Document, PageQuery
from gateways.rest.views import Resource
from ingest.api import reached
from ingest.models import Connection, PullRun


class PullQuery(PageQuery):
    outcome = serializers.ChoiceField(choices=PullRun.Outcome.choices, required=False)


class PullDocument(Document):
    """One reading of one system or, without a system, one listing of what the account has."""

    system = serializers.UUIDField(source="system.uid", default=None, allow_null=True)
    outcome = serializers.ChoiceField(choices=PullRun.Outcome.choices)
    error = serializers.CharField()
    window_start = serializers.DateTimeField(allow_null=True)
    window_end = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    requests = serializers.IntegerField(help_text="Requests to the vendor.")
    readings = serializers.IntegerField(help_text="Valid readings received.")
    changed = serializers.IntegerField(help_text="Of these, new or changed.")
    dropped = serializers.IntegerField(help_text="Records that could not be true.")

    example: ClassVar = {
        "system": "c2b0a1d4-7e88-4d0e-8f6c-91d2f4b0a3e7", "outcome": "ok", "error": "",
        "window_start": "2026-06-15T10:00:00Z", "window_end": "2026-06-15T12:00:00Z",
        "started_at": "2026-06-15T12:00:01Z", "finished_at": "2026-06-15T12:00:03Z", "requests": 2, "readings": 24,
        "changed": 2, "dropped": 0,
    }  # fmt: skip


class Pulls(Resource):
    """Pulls of one account."""

    required_scope = scopes.ENROLLMENTS_READ
    model = PullRun
    partner_path = "connection__partner"
    serializer_class = PullDocument
    queries: ClassVar = {"list": PullQuery}

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        account = get_object_or_404(
            reached.accounts(self.caller, Connection.objects.all()), uid=self.kwargs["connection"]
        )
        return rows.filter(connection=account).select_related("system")

    def list(self, request: Request, connection: str) -> Response:  # noqa: ARG002
        """List how an account was read, the newest first; pulls of months ago are forgotten."""
        # By the index of account and time: a fleet has millions of them.
        rows = self.get_queryset().order_by("-started_at", "-pk")
        if self.query["cursor"]:
            rows = rows.filter(_behind(self.query["cursor"]))
        limit = self.query["limit"]
        page = paging.cut(rows[: limit + 1], limit=limit, position=_position)
        return paging.answer(request, self.get_serializer(page.rows, many=True).data, page.next_cursor)


def _position(run: PullRun) -> list[Any]:
    return [run.started_at.isoformat(), run.pk]


def _behind(cursor: str) -> Q:
    match paging.decode(cursor, list):
        case [str(text), int(pk)] if 0 <= pk < 2**63 and (at := _time(text)):
            return Q(started_at__lt=at) | Q(started_at=at, pk__lt=pk)
    raise paging.unknown()


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
