"""Accounts at vendors: are they read, and if not, why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from gateways.access import Duty
from gateways.admin import columns, filters
from gateways.admin.acts import act
from ingest import budget, connections, vendors
from ingest.admin.base import vendor
from ingest.admin.secrets import NewConnectionForm, ReconnectForm, WhoseAccountForm
from ingest.admin.two_steps import TwoStepAdmin
from ingest.models import Connection, PullRun, System
from ingest.vendors.base import AuthScheme, OAuth2Code

COLORS = {"active": "success", "pending": "info", "needs_reconnect": "danger", "paused": "warning"}
_Status = Connection.Status


def _wants_keys_or_its_owner(connection: Connection) -> bool:
    return connection.credential_id is None or isinstance(_scheme(connection), OAuth2Code)


def _scheme(connection: Connection) -> AuthScheme:
    return vendors.scheme_of(connection.vendor, connection.scheme)


@admin.register(Connection)
class ConnectionAdmin(TwoStepAdmin):
    partner_paths = ("partner",)
    addable = editable = True
    create_form = NewConnectionForm
    first_step = WhoseAccountForm
    fields = (
        "label", "vendor", "partner", "way_in", "credential", "own_keys", "owner", "tokens_expire_at", "withheld",
        "refused", "status", "next_pull_at", "quota_left", "discovered_at", "last_success_at", "last_error_at",
        "last_error", "failures", "created_at",
    )  # fmt: skip
    readonly_fields = tuple(name for name in fields if name != "label")
    list_display = (
        "label", "vendor", "status_label", "owner", "last_reading", "last_success", "trouble", "refused", "next_pull",
        "tokens_end", "system_count", "partner",
    )  # fmt: skip
    list_filter = (
        vendor("vendor"),
        ("status", filters.Choice),
        filters.yes_no("last pull failed", "failing", Q(failures__gt=0)),
        filters.silent("last_success_at"),
        ("partner", filters.Related),
    )
    list_select_related = ("partner", "owner")
    search_fields = (
        "label",
        "owner__email",
        "uid",
        "systems__name",
        "systems__external_id",
        "systems__ders__sn",
        "systems__gateway__serial",
    )
    search_help_text = "Label, owner's mail address, vendor's id of a system, serial of a device or gateway id"
    actions = ("pull_now", "pause", "resume", "reconnect", "disconnect")

    status_label = columns.state("status", COLORS, "status")
    last_reading = columns.ago("last_reading_at", "last reading")
    last_success = columns.ago("last_success_at", "last success")
    next_pull = columns.ago("next_pull_at", "next pull", never="-")
    tokens_end = columns.ago("tokens_expire_at", "tokens end", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        of_systems = System.objects.filter(connection=OuterRef("pk")).order_by().values("connection")
        rows: QuerySet[Connection] = super().get_queryset(request).select_related("partner", "credential", "owner")
        return rows.annotate(
            last_reading_at=Subquery(of_systems.annotate(at=Max("last_reading_at")).values("at")),
            systems_listed=Subquery(of_systems.annotate(count=Count("pk")).values("count")),
        )

    def create(self, *, by: Any, now: Any, **fields: Any) -> Connection:
        return connections.connect(by=by, now=now, **fields)

    def links(self, row: Connection) -> list[tuple[str, str]]:
        return [
            ("Systems", columns.found(System, connection__id__exact=row.pk)),
            ("Pulls", columns.found(PullRun, connection__id__exact=row.pk)),
            columns.events_of(row),
        ]

    @admin.display(description="last error", ordering="last_error_at")
    def trouble(self, connection: Connection) -> SafeString:
        wrong = connection.failures or connection.status == _Status.NEEDS_RECONNECT
        return columns.problem(connection.last_error_at, connection.last_error if wrong else "")

    @admin.display(description="systems", ordering="systems_listed")
    def system_count(self, connection: Any) -> int:
        return connection.systems_listed or 0

    @admin.display(description="own keys")
    def own_keys(self, connection: Connection) -> str:
        return "set" if connection.secrets else "not set"

    @admin.display(description="way in")
    def way_in(self, connection: Connection) -> str:
        return _scheme(connection).label

    @admin.display(description="not shared by its owner")
    def withheld(self, connection: Connection) -> str:
        return ", ".join(connection.withheld_kinds) or "-"

    @admin.display(description="refused by the vendor")
    def refused(self, connection: Connection) -> SafeString | str:
        return columns.clipped(
            "; ".join(f"{name}: {part['reason']}" for name, part in connection.refused_parts.items())
        )

    @admin.display(description="quota left")
    def quota_left(self, connection: Connection) -> str:
        quotas = tuple(vendors.adapter_class(connection.vendor).policy.quotas)
        left = budget.left(connection, quotas, timezone.now())
        return ", ".join(f"{count} requests of {period}" for period, count in left.items()) or "no quota"

    @act("Pull now", done="pulled with the next tick", duty=Duty.HELP, when=lambda row: row.status == _Status.ACTIVE)
    def pull_now(self, connection: Connection, *, by: Any, now: Any) -> None:  # noqa: ARG002  who does it is not recorded
        connections.pull_soon(connection=connection, now=now)

    @act("Pause", done="paused", when=lambda row: row.status == _Status.ACTIVE)
    def pause(self, connection: Connection, *, by: Any, now: Any) -> None:
        connections.pause(connection=connection, by=by, now=now)

    @act("Resume", done="resumed", when=lambda row: row.status == _Status.PAUSED)
    def resume(self, connection: Connection, *, by: Any, now: Any) -> None:
        connections.resume(connection=connection, by=by, now=now)

    @act("Reconnect", done="reconnected", form=ReconnectForm, at_most=1, when=_wants_keys_or_its_owner)
    def reconnect(self, connection: Connection, *, by: Any, now: Any, secrets: dict[str, str]) -> None:
        connections.reconnect(connection=connection, secrets=secrets, by=by, now=now)

    @act(
        "Disconnect", done="disconnected", when=lambda row: row.status != _Status.DISCONNECTED,
        warning="The account is not read any more and its keys are forgotten. Its readings stay.",
    )  # fmt: skip
    def disconnect(self, connection: Connection, *, by: Any, now: Any) -> None:
        connections.disconnect(connection=connection, by=by, now=now)
