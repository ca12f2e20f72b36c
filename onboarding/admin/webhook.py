"""Webhooks: whether they keep up, why not, and what was delivered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from gateways.access import Duty
from gateways.admin import columns, filters
from gateways.admin.acts import ActForm, PartnerForm, act
from gateways.admin.base import CappedPaginator, PartnerAdmin
from onboarding.models import WebhookDelivery, WebhookEndpoint
from onboarding.webhooks import deliveries, endpoints, sending

_HOUR = timedelta(hours=1)
_STATES = {"active": "success", "pending": "info", "paused": "danger"}
_STATUSES = {"delivered": "success", "under_way": "info", "withdrawn": "warning"}
_SECRET = "24 to 256 characters, which your receiver knows as well. It is shown nowhere afterwards."  # noqa: S105  words


class ChangeForm(ActForm):
    name = forms.CharField(max_length=100, required=False, widget=UnfoldAdminTextInputWidget)
    url = forms.CharField(
        label="Address", max_length=500, widget=UnfoldAdminURLInputWidget,
        help_text="https and public, outside sandbox.",
    )  # fmt: skip
    names = forms.CharField(
        label="Events", initial=endpoints.ALL, widget=UnfoldAdminTextInputWidget,
        help_text="Names with blanks between them, or * for all.",
    )  # fmt: skip

    def __init__(self, data: Any, *, request: HttpRequest, rows: Any) -> None:
        super().__init__(data, request=request, rows=rows)
        for row in rows:
            self.initial = {"name": row.name, "url": row.url, "names": " ".join(row.names)}

    def clean_names(self) -> list[str]:
        names: list[str] = self.cleaned_data["names"].split()
        return names


class WebhookForm(PartnerForm, ChangeForm):
    secret = forms.CharField(widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}), strip=False, help_text=_SECRET)

    field_order = ("partner",)


class SecretForm(ActForm):
    secret = forms.CharField(widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}), strip=False, help_text=_SECRET)
    hours = forms.IntegerField(
        min_value=0, max_value=endpoints.LONGEST_PREVIOUS_VALID // _HOUR, initial=endpoints.PREVIOUS_VALID // _HOUR,
        widget=UnfoldAdminIntegerFieldWidget, help_text="So long the secret before signs, too.",
    )  # fmt: skip


class ReplayForm(ActForm):
    after = forms.IntegerField(
        label="After event", min_value=0, required=False, widget=UnfoldAdminIntegerFieldWidget,
        help_text="Number of the last event that needs not come again.",
    )  # fmt: skip
    since = forms.DateTimeField(
        label="Or since", required=False, widget=UnfoldAdminTextInputWidget,
        help_text="UTC, as 2026-06-15 12:00. One of the two.",
    )  # fmt: skip


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    addable = True
    create_form = WebhookForm
    fields = (
        "uid", "partner", "name", "url", "names", "state", "paused_reason", "paused_at", "verified_at", "cursor",
        "backlog", "due_at", "failures", "failing_since", "last_try_at", "last_success_at", "last_error",
        "previous_until", "created_at",
    )  # fmt: skip
    readonly_fields = fields
    list_display = (
        "__str__", "state_label", "paused_reason", "behind", "last_success", "failing", "last_error_short", "partner",
    )  # fmt: skip
    list_filter = (
        ("state", filters.Choice),
        filters.yes_no("failing", "failing", Q(failing_since__isnull=False)),
        ("partner", filters.Related),
    )
    list_select_related = ("partner",)
    search_fields = ("uid", "name", "url", "last_error")
    actions = ("test", "change", "pause", "resume", "replay", "new_secret", "delete_webhook")

    state_label = columns.state("state", _STATES, "state")
    last_success = columns.ago("last_success_at", "last success")
    failing = columns.ago("failing_since", "failing since", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        rows = deliveries.with_newest(super().get_queryset(request).select_related("partner"))
        counted: QuerySet[WebhookEndpoint] = rows.annotate(events_behind=F("newest") - F("cursor"))
        return counted

    def links(self, row: WebhookEndpoint) -> list[tuple[str, str]]:
        return [
            ("Deliveries", columns.found(WebhookDelivery, endpoint__id__exact=row.pk)),
            columns.events_of(row),
        ]

    @admin.display(description="events behind", ordering="events_behind")
    def behind(self, row: Any) -> int:
        """How far the log is ahead, whether the webhook wants those events or not: cheap for a list."""
        count: int = row.events_behind
        return count

    @admin.display(description="events that wait")
    def backlog(self, row: WebhookEndpoint) -> str:
        count = deliveries.pending(row)
        return f"{count} or more" if count == deliveries.COUNTED else str(count)

    @admin.display(description="last error")
    def last_error_short(self, row: WebhookEndpoint) -> SafeString | str:
        return columns.clipped(row.last_error)

    def create(self, *, by: Any, now: Any, **fields: Any) -> WebhookEndpoint:
        return endpoints.create(by=by, now=now, **fields)[0]

    @act("Test", done="called", duty=Duty.HELP, at_most=10)
    def test(self, row: WebhookEndpoint, *, by: Any, now: Any) -> str:
        trial = sending.try_out(endpoint=row, by=by, now=now)
        return trial.error or f"the {trial.sent} was answered with HTTP {trial.reply.status}."

    @act("Change", done="changed; a new address is sent the challenge first", form=ChangeForm, at_most=1)
    def change(self, row: WebhookEndpoint, *, by: Any, now: Any, **asked: Any) -> None:
        endpoints.change(endpoint=row, by=by, now=now, **asked)

    @act("Pause", done="paused: events wait", when=lambda row: row.state != "paused")
    def pause(self, row: WebhookEndpoint, *, by: Any, now: Any) -> None:
        endpoints.change(endpoint=row, paused=True, by=by, now=now)

    @act("Resume", done="resumed: what waited goes out", when=lambda row: row.state == "paused")
    def resume(self, row: WebhookEndpoint, *, by: Any, now: Any) -> None:
        endpoints.change(endpoint=row, paused=False, by=by, now=now)

    @act("Replay", done="set back: what came later is delivered again", form=ReplayForm)
    def replay(self, row: WebhookEndpoint, *, by: Any, now: Any, after: Any, since: Any) -> None:
        endpoints.replay(endpoint=row, after=after, since=since, by=by, now=now)

    @act("New secret", done="given another secret", form=SecretForm, at_most=1)
    def new_secret(self, row: WebhookEndpoint, *, by: Any, now: Any, secret: str, hours: int) -> None:
        valid = timedelta(hours=hours)
        endpoints.renew_secret(endpoint=row, secret=secret, previous_valid=valid, by=by, now=now)

    @act("Delete", done="deleted", warning="Nothing is delivered there any more. The events stay in the log.")
    def delete_webhook(self, row: WebhookEndpoint, *, by: Any, now: Any) -> None:
        endpoints.delete(endpoint=row, by=by, now=now)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(PartnerAdmin):
    partner_paths = ("endpoint__partner",)
    fields = (
        "uid", "endpoint", "first", "last", "count", "attempts", "http_status", "answer", "error", "duration_ms",
        "created_at", "last_try_at", "delivered_at", "withdrawn_at",
    )  # fmt: skip
    list_display = (
        "__str__", "webhook", "status_label", "count", "first", "attempts", "http_status", "trouble", "last_try",
    )  # fmt: skip
    list_filter = (
        filters.yes_no("delivered", "delivered", Q(delivered_at__isnull=False)),
        ("endpoint", filters.Related),
        ("endpoint__partner", filters.Related),
    )
    list_select_related = ("endpoint__partner",)
    search_fields = ("uid", "endpoint__name", "endpoint__url", "error")
    ordering = ("-id",)
    paginator, show_full_result_count = CappedPaginator, False

    webhook = columns.link("endpoint", "webhook")
    last_try = columns.ago("last_try_at", "last try")

    @admin.display(description="status")
    def status_label(self, row: WebhookDelivery) -> tuple[str, str]:
        return row.status, row.status.replace("_", " ")

    vars(status_label)["label"] = _STATUSES

    @admin.display(description="last error")
    def trouble(self, row: WebhookDelivery) -> SafeString | str:
        return columns.clipped(row.error)
