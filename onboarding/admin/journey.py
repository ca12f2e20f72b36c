"""Journeys of homeowners: where they are, where they are stuck, and how staff help."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from gateways.access import Duty
from gateways.admin import columns, filters
from gateways.admin.acts import act
from gateways.admin.base import PartnerAdmin
from ingest.admin.base import REFUSALS, vendor
from onboarding import emails, journeys, letters, reminders, wizard
from onboarding.admin.journey_pages import FunnelView, HelpView
from onboarding.models import ChosenSystem, Journey, JourneyEntry

_COLORS = {journeys.FINISHED: "success", journeys.VENDOR_FAILED: "danger", journeys.ABANDONED: "warning"}
_UNDER_WAY = Q(finished_at__isnull=True, abandoned_at__isnull=True)
_WHATS = (
    journeys.STARTED, journeys.BRAND_CHOSEN, journeys.AGREED, journeys.SENT_TO_VENDOR, journeys.VENDOR_FAILED,
    journeys.CONNECTED, journeys.SYSTEMS_CHOSEN, journeys.WALLET_NAMED, journeys.WALLET_LATER, journeys.PLACE_CONFIRMED,
    journeys.FINISHED, journeys.ABANDONED,
)  # fmt: skip
_BY_STAFF = (journeys.REMINDED, journeys.TAKEN_OVER)


class Last(DropdownFilter):
    """What the homeowner did last."""

    title, parameter_name = "got as far as", "last"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(what, what) for what in _WHATS]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(last_what=self.value()) if self.value() else queryset


class Still(filters.Silent):
    """Journeys under way of which nothing was seen for so long."""

    title = "stands still for"
    path = "seen_at"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = super().queryset(request, queryset)
        return found if found is queryset else found.filter(_UNDER_WAY)


def _under_way(journey: Journey) -> bool:
    return journey.finished_at is None and journey.abandoned_at is None


@admin.register(Journey)
class JourneyAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    refusals = (*REFUSALS, emails.NotSent)
    list_before_template = "admin/list_head.html"
    fields = (
        "user", "partner", "stands_at", "stuck_on", "way_on", "vendor", "connection", "homes", "wallet",
        "wallet_proven", "wallet_later", "invitation", "helper", "created_at", "seen_at", "finished_at",
        "abandoned_at", "timeline",
    )  # fmt: skip
    readonly_fields = ("stands_at", "stuck_on", "way_on", "homes", "timeline")
    list_display = ("homeowner", "last_label", "vendor", "began", "seen", "finished", "stuck_on", "partner")
    list_filter = (
        Last,
        Still,
        filters.yes_no("under way", "under_way", _UNDER_WAY),
        vendor("vendor"),
        ("partner", filters.Related),
    )
    list_select_related = ("partner", "user")
    search_fields = ("user__email", "uid", "wallet__address", "connection__label", "invitation__user_reference")
    search_help_text = "Homeowner's address, wallet, connection or your reference"
    actions = ("remind", "take_over")

    last_label = columns.state("last_what", _COLORS, "got as far as")
    began = columns.ago("created_at", "began")
    seen = columns.ago("seen_at", "last seen")
    finished = columns.ago("finished_at", "finished", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Journey]:
        entries = JourneyEntry.objects.filter(journey=OuterRef("pk")).order_by("-at", "-pk")
        last = entries.exclude(what__in=_BY_STAFF)
        rows: QuerySet[Journey] = super().get_queryset(request)
        return rows.select_related("partner", "user", "connection", "wallet", "helper", "invitation").annotate(
            last_what=Subquery(last.values("what")[:1]),
            last_detail=Subquery(last.values("detail")[:1]),
            account_error=F("connection__last_error"),
            account_failures=F("connection__failures"),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("funnel/", view(FunnelView.as_view(model_admin=self)), name="onboarding_journey_funnel"),
            path("<int:pk>/help/", view(HelpView.as_view(model_admin=self)), name="onboarding_journey_help"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        links = [("Funnel", reverse("admin:onboarding_journey_funnel"))]
        response: HttpResponse = super().changelist_view(request, {"list_links": links, **(extra_context or {})})
        return response

    def links(self, row: Journey) -> list[tuple[str, str]]:
        found = [("Connection", row.connection), ("Invitation", row.invitation)]
        going_on = [("Go on for the homeowner", reverse("admin:onboarding_journey_help", args=[row.pk]))]
        return [
            *(going_on if _under_way(row) and row.helper_id else []),
            *((text, columns.page(other)) for text, other in found if other),
        ]

    @admin.display(description="homeowner", ordering="user__email")
    def homeowner(self, journey: Journey) -> str:
        return journey.user.email or journey.user.username

    @admin.display(description="next step")
    def stands_at(self, journey: Journey) -> str:
        if not _under_way(journey):
            return "-"
        return str(wizard.next_step(journey).title)

    @admin.display(description="stuck on")
    def stuck_on(self, journey: Any) -> SafeString | str:
        if not _under_way(journey):
            return "-"
        if journey.last_what == journeys.VENDOR_FAILED:
            return columns.clipped(f"{journey.vendor}: {journey.last_detail or 'failed'}")
        return columns.clipped(journey.account_error if journey.account_failures else "")

    @admin.display(description="link to go on")
    def way_on(self, journey: Journey) -> str:
        """Return where the homeowner goes on, after signing in with their own address."""
        return letters.way_on(journey)

    @admin.display(description="homes")
    def homes(self, journey: Journey) -> SafeString | str:
        rows = ((columns.to(chosen.system),) for chosen in journey.chosen.select_related("system"))
        return format_html_join(", ", "{}", rows) or "-"

    @admin.display(description="timeline")
    def timeline(self, journey: Journey) -> SafeString:
        rows = ((columns.since(entry.at), entry.what, entry.detail) for entry in journey.entries.all())
        return format_html("<ol class=timeline>{}</ol>", format_html_join("", "<li>{} <b>{}</b> {}</li>", rows))

    @act("Remind now", done="reminded", duty=Duty.HELP, when=_under_way)
    def remind(self, journey: Journey, *, by: Any, now: Any) -> str:  # noqa: ARG002  the timeline says that, not who
        return (
            "" if reminders.remind(journey=journey, now=now) else "was reminded before: one reminder is all they get."
        )

    @act(
        "Take over", done="taken over", at_most=1, when=lambda row: _under_way(row) and not row.helper_id,
        warning="You go on in the homeowner's place. What they share they can only agree to themselves.",
    )  # fmt: skip
    def take_over(self, journey: Journey, *, by: Any, now: Any) -> str:
        journeys.take_over(journey=journey, by=by, now=now)
        return "“Go on for the homeowner” is on its page."


class _OfJourney(PartnerAdmin):
    partner_paths = ("journey__partner",)
    list_select_related = ("journey__partner", "journey__user")


@admin.register(ChosenSystem)
class ChosenSystemAdmin(_OfJourney):
    partner_paths = ("journey__partner",)
    list_display = ("system", "journey", "latitude", "longitude", "source", "confirmed")
    search_fields = ("journey__user__email", "system__name")

    confirmed = columns.ago("confirmed_at", "confirmed", never="-")


@admin.register(JourneyEntry)
class JourneyEntryAdmin(_OfJourney):
    partner_paths = ("journey__partner",)
    list_display = ("happened", "what", "detail", "journey")
    list_filter = (("journey__partner", filters.Related),)
    search_fields = ("journey__user__email", "what", "detail")
    ordering = ("-at", "-pk")

    happened = columns.ago("at", "when")
