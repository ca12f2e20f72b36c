"""Keys: their public halves and states. The private halves are on no page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from gateways import access, actions
from gateways.admin import columns, filters
from gateways.admin.acts import ActForm, act
from gateways.admin.base import PartnerAdmin
from gateways.models import GatewayKey, MasterKey

COLORS = {"active": "success", "pending": "info", "banned": "danger"}
BAN_WARNING = "A banned key never signs again. The queues it signed for wait until another key is registered with SEN."


class BanForm(ActForm):
    reason = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Is shown wherever the ban holds something up."
    )


@admin.register(GatewayKey)
class GatewayKeyAdmin(PartnerAdmin):
    partner_paths = ("gateway__partner", "gateway_type__partner")
    fields = (
        "public_key", "gateway", "gateway_type", "state", "ban_reason", "created_at", "registered_at", "ended_at"
    )  # fmt: skip
    list_display = ("short", "owner", "state_label", "created", "registered", "ended", "ban_reason")
    list_filter = (("state", filters.Choice),)
    list_select_related = ("gateway", "gateway_type")
    search_fields = ("public_key", "gateway__serial", "gateway_type__prefix", "gateway_type__name")
    actions = ("ban_key",)

    state_label = columns.state("state", COLORS, "state")
    created = columns.ago("created_at", "made")
    registered = columns.ago("registered_at", "registered")
    ended = columns.ago("ended_at", "ended", never="-")

    @admin.display(description="public key", ordering="public_key")
    def short(self, key: GatewayKey) -> str:
        return f"{key.public_key[:16]}…"

    @admin.display(description="signs for")
    def owner(self, key: GatewayKey) -> SafeString | str:
        return columns.to(key.owner)

    @act("Ban key", done="banned", form=BanForm, warning=BAN_WARNING, when=lambda key: key.state != "banned")
    def ban_key(self, key: GatewayKey, *, by: Any, now: Any, reason: str) -> None:
        actions.ban_key(key=key, reason=reason, by=by, now=now)


@admin.register(MasterKey)
class MasterKeyAdmin(PartnerAdmin):
    partner_paths = access.INSTALLATION
    fields = ("key_id", "created_at")
    list_display = ("key_id", "created_at")
