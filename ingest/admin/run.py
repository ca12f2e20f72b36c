"""What the machinery did: pulls, spent quotas, counters, heartbeats."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from gateways import access
from gateways.admin import columns, filters
from gateways.admin.base import CappedPaginator, PartnerAdmin
from ingest.admin.base import vendor
from ingest.models import BudgetUse, Heartbeat, Minute, PullRun, Tally

COLORS = {
    "ok": "success", "running": "info", "throttled": "warning", "lost": "warning", "unavailable": "danger",
    "auth_failed": "danger", "reply_invalid": "danger", "unsupported": "danger", "error": "danger",
}  # fmt: skip


@admin.register(PullRun)
class PullRunAdmin(PartnerAdmin):
    partner_paths = ("connection__partner",)
    list_display = (
        "started", "outcome_label", "connection", "system", "readings", "changed", "dropped", "requests", "seconds",
        "trouble",
    )  # fmt: skip
    list_filter = (("outcome", filters.Choice), vendor("connection__vendor"), ("connection__partner", filters.Related))
    list_select_related = ("connection__partner", "system")
    search_fields = ("connection__label", "system__name", "system__external_id", "error")
    ordering = ("-id",)
    paginator, show_full_result_count = CappedPaginator, False

    started = columns.ago("started_at", "started")
    outcome_label = columns.state("outcome", COLORS, "outcome")

    @admin.display(description="took")
    def seconds(self, run: PullRun) -> str:
        return f"{(run.finished_at - run.started_at).total_seconds():.1f} s" if run.finished_at else "-"

    @admin.display(description="error")
    def trouble(self, run: PullRun) -> SafeString | str:
        return columns.clipped(run.error)


@admin.register(Minute)
class MinuteAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    list_display = ("at", "partner", "delivered")
    list_filter = (("partner", filters.Related),)
    list_select_related = ("partner",)
    ordering = ("-at",)
    paginator, show_full_result_count = CappedPaginator, False


@admin.register(BudgetUse)
class BudgetUseAdmin(PartnerAdmin):
    partner_paths = access.INSTALLATION
    list_display = ("key", "period_s", "period_start", "used")
    search_fields = ("key",)
    ordering = ("-period_start",)
    paginator, show_full_result_count = CappedPaginator, False


@admin.register(Tally)
class TallyAdmin(PartnerAdmin):
    partner_paths = access.INSTALLATION
    list_display = ("kind", "vendor", "outcome", "count", "mean")
    list_filter = (("kind", filters.Choice),)

    @admin.display(description="mean duration")
    def mean(self, tally: Tally) -> str:
        return f"{1000 * tally.seconds / tally.count:.1f} ms" if tally.count else "-"


@admin.register(Heartbeat)
class HeartbeatAdmin(PartnerAdmin):
    partner_paths = access.INSTALLATION
    list_display = ("name", "beat")

    beat = columns.ago("at", "last beat")
