"""/api/v1/journeys: how far homeowners have come on the partner's join page, and how many got how far."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Case, QuerySet, Value, When
from django.utils import timezone
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest import waiting
from gateways.rest.authentication import PARTNERS_OWN
from gateways.rest.problems import Problem, conflict, problem_of
from gateways.rest.requests import Document, PageQuery, Query, Time
from gateways.rest.views import Resource
from ingest import vendors
from onboarding import funnel, reminders
from onboarding.emails import NotSent
from onboarding.models import Journey, JourneyEntry

_STATUS = ("under_way", "finished", "abandoned")
_STATES = (
    When(finished_at__isnull=False, then=Value("finished")),
    When(abandoned_at__isnull=False, then=Value("abandoned")),
)


class _Which(Query):
    vendor = serializers.ChoiceField(choices=list(vendors.VENDORS), required=False)
    since = Time(required=False, source="created_at__gte", help_text="Begun then or later.")


class JourneyQuery(_Which, PageQuery):
    status = serializers.ChoiceField(choices=_STATUS, required=False)


class JourneyStep(Document):
    at = serializers.DateTimeField()
    what = serializers.SerializerMethodField()

    def get_what(self, entry: JourneyEntry) -> str:
        return entry.what.replace(" ", "_")


class JourneyDocument(Document):
    """A homeowner's way from the link to a home that sends, without a word of who it is."""

    id = serializers.UUIDField(source="uid")
    status = serializers.ChoiceField(choices=_STATUS)
    vendor = serializers.CharField(help_text="Empty: not chosen yet.")
    user_reference = serializers.SerializerMethodField(help_text="Of the invitation that they came with; empty: none.")
    started_at = serializers.DateTimeField(source="created_at")
    seen_at = serializers.DateTimeField(help_text="When they did something last.")
    finished_at = serializers.DateTimeField(allow_null=True)
    abandoned_at = serializers.DateTimeField(allow_null=True)
    timeline = JourneyStep(source="entries", many=True)

    example: ClassVar = {
        "id": "7d2f8f0e-0c9a-4b53-9a3a-6d0f4b7e1c21", "status": "under_way", "vendor": "enphase",
        "user_reference": "customer-4711", "started_at": "2026-06-15T18:20:00Z", "seen_at": "2026-06-15T18:24:10Z",
        "finished_at": None, "abandoned_at": None,
        "timeline": [
            {"at": "2026-06-15T18:20:00Z", "what": "started"}, {"at": "2026-06-15T18:21:30Z", "what": "brand_chosen"},
            {"at": "2026-06-15T18:24:10Z", "what": "agreed"},
        ],
    }  # fmt: skip

    def get_user_reference(self, journey: Journey) -> str:
        one = journey.invitation
        return one.user_reference if one and not one.for_many else ""


class FunnelStep(Document):
    """How many journeys reached a step."""

    step = serializers.SerializerMethodField()
    count = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of all journeys, 0-1.")
    share_of_before = serializers.FloatField(help_text="Of those that reached the step before, 0-1.")
    median_s = serializers.SerializerMethodField(help_text="Seconds since the journey began.")

    def get_step(self, step: funnel.Step) -> str:
        return step.name.replace(" ", "_")

    def get_median_s(self, step: funnel.Step) -> int | None:
        return None if step.median is None else round(step.median.total_seconds())


class FunnelDocument(Document):
    """The steps in their order."""

    data = FunnelStep(many=True)  # type: ignore[assignment]  # a field: off the class

    example: ClassVar = {
        "data": [
            {"step": "began", "count": 120, "share": 1.0, "share_of_before": 1.0, "median_s": 0},
            {"step": "chose_a_brand", "count": 96, "share": 0.8, "share_of_before": 0.8, "median_s": 41},
        ]
    }


class Journeys(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Journeys of homeowners on the partner's join page."""

    permission_classes = PARTNERS_OWN
    required_scope = scopes.ENROLLMENTS_READ
    write_scope = scopes.ENROLLMENTS_WRITE
    model = Journey
    partner_path = "partner"
    may_fail: ClassVar = {"remind": (502, 503)}
    queries: ClassVar = {"list": JourneyQuery, "funnel": _Which}
    lookup_url_kwarg = "journey"

    def get_serializer_class(self) -> type[Document]:
        return FunnelDocument if self.action == "funnel" else JourneyDocument

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        known = rows.annotate(status=Case(*_STATES, default=Value("under_way")))
        told: QuerySet[Any] = known.select_related("invitation").prefetch_related("entries")
        return told

    @action(detail=False)
    def funnel(self, request: Request) -> Response:  # noqa: ARG002  the framework's
        """Tell how many journeys got how far, and how long that took."""
        return Response(self.document({"data": funnel.of(self.get_queryset().prefetch_related(None))}))

    @action(detail=True, methods=["post"])
    @waiting.waits
    def remind(self, request: Request, journey: str) -> Response:  # noqa: ARG002  the framework's
        """Mail the homeowner the link to go on. After a day this happens by itself; one reminder is all they get."""
        row = self.get_object()
        if not reminders.remind(journey=row, now=timezone.now()):
            msg = "They were reminded before: one reminder is all they get."
            raise conflict(msg)
        return Response(self.fresh(row))


@problem_of.register
def _(error: NotSent) -> Problem:
    del error
    return Problem("mail-not-sent", "The mail server did not take the mail. Try again later.")
