"""Gateways with their queues, and the steps that talk to SEN."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from gateways.access import Duty
from gateways.admin import columns, filters
from gateways.admin.acts import ActForm, act
from gateways.admin.gateway import GatewayAdmin as NounAdmin
from gateways.models import Gateway
from ingest import lifecycle, outbox, queues
from ingest.admin.base import REFUSALS, vendor
from ingest.models import GatewayQueue, Message, System

_AT_SEN = 20  # each is a call to SEN while somebody waits for the page
_Status = Gateway.Status


class ReasonForm(ActForm):
    reason = forms.CharField(
        max_length=300, widget=UnfoldAdminTextInputWidget, help_text="Is shown where the queue waits."
    )


def why(queue: Any, *, has_key: bool) -> str:
    """Say why a queue's messages wait, or what went wrong last; nothing if all is well."""
    if queue is None or not (queue.waiting or queue.held_at):
        return ""
    return queues.why_waiting(queue, has_key=has_key) or (queue.last_error if queue.failures else "")


def _in_sandbox(gateway: Any) -> bool:
    news: bool = gateway.status == _Status.CREATED or gateway.has_new_key
    return news and gateway.partner.is_sandbox


def _can_be_owned(gateway: Any) -> bool:
    return bool(gateway.status == _Status.REGISTERED and gateway.wallet_id and gateway.has_key)


class GatewayAdmin(NounAdmin):
    partner_paths = NounAdmin.partner_paths
    refusals = REFUSALS
    list_display = (
        "serial", "name", "status_label", "key_label", "last_reading", "last_delivered", "waiting", "trouble",
        "partner",
    )  # fmt: skip
    list_filter = (
        *NounAdmin.list_filter,
        vendor("system__connection__vendor"),
        filters.yes_no("queue is held", "held", Q(queue__held_at__isnull=False)),
        filters.yes_no("last push failed", "failing", Q(queue__failures__gt=0)),
        filters.silent("system__last_reading_at"),
    )
    list_select_related = (*NounAdmin.list_select_related, "queue", "system__connection")
    search_fields = (*NounAdmin.search_fields, "system__name", "system__external_id", "system__ders__sn")
    search_help_text = "Gateway id, name, wallet, public key, vendor's id or serial of a device"
    actions = (
        *NounAdmin.actions, "register_in_sandbox", "rehearse_inception", "incept", "push_now", "hold_queue",
        "release_queue",
    )  # fmt: skip

    last_reading = columns.ago("system__last_reading_at", "last reading")
    last_delivered = columns.ago("queue__last_delivered_at", "last delivered")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gateway]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def links(self, row: Gateway) -> list[tuple[str, str]]:
        return [
            ("Queue", columns.found(GatewayQueue, gateway__id__exact=row.pk)),
            ("Messages", columns.found(Message, gateway__id__exact=row.pk)),
            ("System", columns.found(System, gateway__id__exact=row.pk)),
            *super().links(row),
        ]

    @admin.display(description="waiting", ordering="queue__waiting")
    def waiting(self, gateway: Gateway) -> int:
        return columns.value(gateway, "queue__waiting") or 0

    @admin.display(description="why")
    def trouble(self, gateway: Any) -> SafeString | str:
        return columns.clipped(why(getattr(gateway, "queue", None), has_key=gateway.has_key))

    # --- SEN ----------------------------------------------------------------------------------------------------------

    @act("Register with the sandbox", done="registered with the sandbox", at_most=_AT_SEN, when=_in_sandbox)
    def register_in_sandbox(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        lifecycle.register_in_sandbox(gateway=gateway, by=by, now=now)

    @act("Rehearse inception", done="asked SEN", at_most=_AT_SEN, when=_can_be_owned)
    def rehearse_inception(self, gateway: Gateway, *, by: Any, now: Any) -> str:
        agreed = lifecycle.incept(gateway=gateway, by=by, now=now, dry_run=True)
        return "SEN would bind it to its wallet." if agreed else "SEN would refuse."

    @act(
        "Incept: bind to the wallet at SEN", done="bound to its wallet", at_most=_AT_SEN, when=_can_be_owned,
        warning="SEN binds the gateway to its wallet for good: its rewards go there.",
    )  # fmt: skip
    def incept(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        if not lifecycle.incept(gateway=gateway, by=by, now=now):
            msg = "SEN does not bind it to its wallet. Rehearse the inception, and see whether another wallet owns it."
            raise ValidationError(msg)

    # --- Queue --------------------------------------------------------------------------------------------------------

    @act(
        "Push now", done="pushed with the next tick", duty=Duty.HELP,
        when=lambda gateway: columns.value(gateway, "queue__waiting") and not gateway.queue.held_at,
    )  # fmt: skip
    def push_now(self, gateway: Gateway, *, by: Any, now: Any) -> None:  # noqa: ARG002  who does it is not recorded
        if not outbox.push_soon(gateway=gateway, now=now):
            msg = "Nothing waits, or the queue is held: release it first."
            raise ValidationError(msg)

    @act(
        "Hold queue", done="held", form=ReasonForm,
        when=lambda gateway: hasattr(gateway, "queue") and not gateway.queue.held_at,
    )  # fmt: skip
    def hold_queue(self, gateway: Gateway, *, by: Any, now: Any, reason: str) -> None:
        outbox.hold_queue(gateway=gateway, reason=reason, by=by, now=now)

    @act(
        "Release queue", done="released: what waited goes out", duty=Duty.HELP,
        when=lambda gateway: columns.value(gateway, "queue__held_at"),
    )  # fmt: skip
    def release_queue(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        if not outbox.release_queue(gateway=gateway, by=by, now=now):
            msg = "Its queue is not held."
            raise ValidationError(msg)


admin.site.unregister(Gateway)
admin.site.register(Gateway, GatewayAdmin)
