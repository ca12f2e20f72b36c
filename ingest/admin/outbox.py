"""What waits for SEN, what is held and why, and what SEN said."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from gateways.access import Duty
from gateways.admin import columns, filters
from gateways.admin.acts import act
from gateways.admin.base import CappedPaginator, PartnerAdmin
from ingest import outbox, queues
from ingest.admin.base import vendor
from ingest.admin.gateway import ReasonForm, why
from ingest.admin.reading import HIDDEN
from ingest.models import Attempt, GatewayQueue, Message

_OUTCOMES = ("unavailable", "throttled", "unauthorized", "refused")


@admin.register(GatewayQueue)
class GatewayQueueAdmin(PartnerAdmin):
    partner_paths = ("gateway__partner",)
    fields = (
        "gateway", "waiting", "delivered", "oldest", "trouble", "due_at", "failures", "last_delivered_at",
        "last_error_at",
        "last_error", "held_at", "held_reason", "leased_until",
    )  # fmt: skip
    readonly_fields = ("oldest", "trouble")
    list_display = ("gateway", "waiting", "oldest", "trouble", "due", "last_delivered", "last_error_ago", "delivered")
    list_filter = (
        filters.yes_no("held", "held", Q(held_at__isnull=False)),
        filters.yes_no("something waits", "waiting_any", Q(waiting__gt=0)),
        filters.yes_no("last push failed", "failing", Q(failures__gt=0)),
        filters.silent("last_delivered_at"),
        ("gateway__partner", filters.Related),
    )
    list_select_related = ("gateway",)
    search_fields = ("gateway__serial", "gateway__name", "held_reason", "last_error")
    ordering = ("-waiting", "gateway")
    actions = ("release", "push_now", "hold")

    oldest = columns.ago("oldest_at", "oldest message", never="-")
    due = columns.ago("due_at", "due")
    last_delivered = columns.ago("last_delivered_at", "last delivered")
    last_error_ago = columns.ago("last_error_at", "last error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[GatewayQueue]:
        return queues.with_key(queues.with_oldest(super().get_queryset(request).select_related("gateway__partner")))

    def links(self, row: GatewayQueue) -> list[tuple[str, str]]:
        return [
            ("Gateway", columns.page(row.gateway)),
            ("Messages", columns.found(Message, gateway__id__exact=row.pk)),
            columns.events_of(row.gateway),
        ]

    @admin.display(description="why")
    def trouble(self, queue: Any) -> SafeString | str:
        return columns.clipped(why(queue, has_key=queue.has_key))

    @act("Release", done="released: what waited goes out", duty=Duty.HELP, when=lambda queue: queue.held_at)
    def release(self, queue: GatewayQueue, *, by: Any, now: Any) -> None:
        if not outbox.release_queue(gateway=queue.gateway, by=by, now=now):
            msg = "It is not held."
            raise ValidationError(msg)

    @act(
        "Push now",
        done="pushed with the next tick",
        duty=Duty.HELP,
        when=lambda queue: queue.waiting and not queue.held_at,
    )
    def push_now(self, queue: GatewayQueue, *, by: Any, now: Any) -> None:  # noqa: ARG002  who does it is not recorded
        if not outbox.push_soon(gateway=queue.gateway, now=now):
            msg = "Nothing waits, or it is held: release it first."
            raise ValidationError(msg)

    @act("Hold", done="held", form=ReasonForm, when=lambda queue: not queue.held_at)
    def hold(self, queue: GatewayQueue, *, by: Any, now: Any, reason: str) -> None:
        outbox.hold_queue(gateway=queue.gateway, reason=reason, by=by, now=now)


@admin.register(Message)
class MessageAdmin(PartnerAdmin):
    partner_paths = ("gateway__partner",)
    fields = (
        "gateway", "der", "state", "held_reason", "points", "first_ts", "last_ts", "created_at", "done_at",
        "signed_content"
    )  # fmt: skip
    readonly_fields = ("signed_content",)
    list_display = ("id", "state_label", "gateway", "der", "points", "newest", "queued", "done", "reason")
    list_filter = (
        ("state", filters.Choice),
        vendor("der__system__connection__vendor"),
        ("gateway__partner", filters.Related),
    )
    list_select_related = ("gateway", "der")
    search_fields = ("gateway__serial", "der__sn", "held_reason")
    search_help_text = "Gateway id, serial of a device or reason"
    ordering = ("-id",)
    paginator, show_full_result_count = CappedPaginator, False
    actions = ("retry",)

    state_label = columns.state("state", {"delivered": "success", "held": "danger", "waiting": "info"}, "state")
    newest = columns.ago("last_ts", "newest reading")
    queued = columns.ago("created_at", "queued")
    done = columns.ago("done_at", "done", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).select_related("gateway__partner", "der__system")

    def links(self, row: Message) -> list[tuple[str, str]]:
        return [
            ("Gateway", columns.page(row.gateway)),
            ("Attempts", columns.found(Attempt, message__id__exact=row.pk)),
        ]

    @admin.display(description="held because")
    def reason(self, message: Message) -> SafeString | str:
        return columns.clipped(message.held_reason)

    @admin.display(description="what is signed")
    def signed_content(self, message: Message) -> SafeString | str:
        if not message.der.system.shown:
            return HIDDEN
        pretty = orjson.dumps(orjson.loads(message.payload), option=orjson.OPT_INDENT_2).decode()
        return format_html('<pre class="payload">{}</pre>', pretty)

    @act("Retry", done="put back into their queues", duty=Duty.HELP, when=lambda message: message.state == "held")
    def retry(self, message: Message, *, by: Any, now: Any) -> None:
        if not outbox.retry_message(message=message, by=by, now=now):
            msg = "It is not held."
            raise ValidationError(msg)


class OutcomeFilter(DropdownFilter):
    title, parameter_name = "outcome", "outcome"

    def lookups(self, *_: Any) -> list[tuple[str, str]]:
        return [(outcome, outcome) for outcome in _OUTCOMES]

    def queryset(self, _request: Any, queryset: Any) -> Any:
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(Attempt)
class AttemptAdmin(PartnerAdmin):
    partner_paths = ("message__gateway__partner",)
    list_display = ("when", "outcome", "status", "answer", "duration_ms", "message", "gateway")
    list_filter = (OutcomeFilter, ("message__gateway__partner", filters.Related))
    list_select_related = ("message__gateway",)
    search_fields = ("message__gateway__serial", "body")
    search_help_text = "Gateway id or SEN's answer"
    ordering = ("-id",)
    paginator, show_full_result_count = CappedPaginator, False

    when = columns.ago("at", "when")
    gateway = columns.link("message__gateway", "gateway")

    @admin.display(description="SEN's answer")
    def answer(self, attempt: Attempt) -> SafeString | str:
        return columns.clipped(attempt.body)
