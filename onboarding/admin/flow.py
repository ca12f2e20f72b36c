"""Join flows of partners' own sites, the trips they began, and what came of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateways.admin import acts, columns, filters
from gateways.admin.acts import act
from gateways.admin.base import PartnerAdmin
from gateways.admin.revealing import Revealing
from ingest.admin.base import vendor
from ingest.models import System
from onboarding import flows
from onboarding.admin.flow_forms import FlowForm, WhoseForm
from onboarding.models import Enrollment, FlowVendor, JoinFlow, JoinSession

_STATES = {"active": "success", "pending_vendor": "info", "rejected": "danger"}
_OUTCOMES = {"came back": "success", "under way": "info", "failed": "danger", "never came back": "warning"}


@admin.register(JoinFlow)
class JoinFlowAdmin(Revealing, PartnerAdmin):
    partner_paths = ("partner",)
    addable = True
    create_form = FlowForm
    fields = (
        "name", "uid", "partner", "redirect_uri", "offered", "purposes", "kinds", "language", "address", "created_at",
        "deleted_at",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("name", "offered", "redirect_uri", "enrollment_count", "created", "deleted", "partner")
    list_filter = (
        filters.yes_no("deleted", "deleted", Q(deleted_at__isnull=False)),
        ("partner", filters.Related),
    )
    list_select_related = ("partner",)
    search_fields = ("name", "uid", "redirect_uri")
    actions = ("delete_flow", "reveal")

    created = columns.ago("created_at", "made")
    deleted = columns.ago("deleted_at", "deleted", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[JoinFlow]:
        rows: QuerySet[JoinFlow] = super().get_queryset(request).prefetch_related("vendors__credential")
        return rows.annotate(enrolled=Count("enrollments"))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask for the partner first, whose credentials the second step offers."""
        first = WhoseForm(request.GET if "partner" in request.GET else None, request=request, rows=())
        if self.has_add_permission(request) and not first.is_valid():
            return acts.ask(self, request, first, title="Add join flow", button="Next", method="get")
        return super().add_view(request, form_url, extra_context)

    def create(self, *, by: Any, now: Any, **fields: Any) -> JoinFlow:
        return flows.create_flow(by=by, now=now, **fields)

    def plain_of(self, row: JoinFlow, *, by: Any, now: Any) -> list[tuple[str, str]]:
        return [("Secret that answers are signed with", flows.reveal_secret(flow=row, by=by, now=now))]

    def links(self, row: JoinFlow) -> list[tuple[str, str]]:
        return [
            ("Enrollments", columns.found(Enrollment, flow__id__exact=row.pk)),
            ("Trips", columns.found(JoinSession, flow__id__exact=row.pk)),
            columns.events_of(row),
        ]

    @admin.display(description="vendors")
    def offered(self, flow: JoinFlow) -> str:
        return ", ".join(str(one.credential or one.vendor) for one in flow.vendors.all())

    @admin.display(description="enrollments", ordering="enrolled")
    def enrollment_count(self, flow: Any) -> int:
        count: int = flow.enrolled
        return count

    @admin.display(description="where your site sends browsers")
    def address(self, flow: JoinFlow) -> SafeString:
        first = flow.vendors.first()
        query = urlencode({"vendor": first.vendor if first else "", "state": "RANDOM", "user": "YOUR-REFERENCE"})
        return format_html('<code id="flow-address">{}?{}</code>', flows.address(flow), query)

    @act(
        "Delete", done="deleted", when=lambda row: row.deleted_at is None,
        warning="Its links stop working at once, and trips under way end with an error. Accounts that joined stay.",
    )  # fmt: skip
    def delete_flow(self, flow: JoinFlow, *, by: Any, now: Any) -> None:
        flows.delete_flow(flow=flow, by=by, now=now)


@admin.register(FlowVendor)
class FlowVendorAdmin(PartnerAdmin):
    partner_paths = ("flow__partner",)
    fields = ("flow", "vendor", "credential")
    list_display = ("__str__", "flow_link", "credential_link")
    list_filter = (vendor("vendor"),)
    list_select_related = ("flow", "credential")

    flow_link = columns.link("flow", "flow")
    credential_link = columns.link("credential", "credential")


@admin.register(JoinSession)
class JoinSessionAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    fields = (
        "uid", "partner", "vendor", "flow", "journey", "connection", "user", "user_reference", "created_at",
        "expires_at", "used_at", "error",
    )  # fmt: skip
    list_display = ("__str__", "outcome", "error", "user_reference", "flow_link", "journey_link", "began", "partner")
    list_filter = (vendor("vendor"), ("flow", filters.Related), ("partner", filters.Related))
    list_select_related = ("partner", "flow", "journey")
    search_fields = ("uid", "user_reference", "error")

    began = columns.ago("created_at", "began")
    flow_link = columns.link("flow", "flow")
    journey_link = columns.link("journey", "journey")

    @admin.display(description="outcome")
    def outcome(self, session: JoinSession) -> tuple[str, str]:
        return outcome_of(session, timezone.now())

    vars(outcome)["label"] = _OUTCOMES


@admin.register(Enrollment)
class EnrollmentAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    fields = (
        "uid", "partner", "flow", "user_reference", "status", "connection", "homes", "session", "created_at",
        "settled_at",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("__str__", "status_label", "account", "homes", "flow_link", "created", "settled", "partner")
    list_filter = (("status", filters.Choice), ("flow", filters.Related), ("partner", filters.Related))
    list_select_related = ("partner", "flow", "connection")
    search_fields = ("uid", "user_reference", "connection__label", "connection__systems__name")
    search_help_text = "Your reference, enrollment id, label of the account or name of a home"

    status_label = columns.state("status", _STATES, "status")
    account = columns.link("connection", "connection")
    flow_link = columns.link("flow", "flow")
    created = columns.ago("created_at", "made")
    settled = columns.ago("settled_at", "settled", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enrollment]:
        rows: QuerySet[Enrollment] = super().get_queryset(request)
        return rows.prefetch_related("connection__systems")

    def links(self, row: Enrollment) -> list[tuple[str, str]]:
        return [
            ("Systems", columns.found(System, connection__id__exact=row.connection_id)),
            columns.events_of(row),
        ]

    @admin.display(description="systems")
    def homes(self, enrollment: Enrollment) -> SafeString | str:
        systems = enrollment.connection.systems.all()
        return format_html_join(", ", "{}", ((columns.to(system),) for system in systems)) or "-"


def outcome_of(session: JoinSession, now: Any) -> tuple[str, str]:
    """Return how a trip ended, as a word and as it is shown."""
    if session.error:
        word = "failed"
    elif session.used_at:
        word = "came back"
    else:
        word = "under way" if session.expires_at > now else "never came back"
    return word, word
