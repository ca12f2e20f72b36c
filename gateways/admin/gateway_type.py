"""Gateway types, as Sourceful has defined them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from gateways import actions
from gateways.admin import columns, filters
from gateways.admin.acts import PartnerForm, act
from gateways.admin.base import PartnerAdmin
from gateways.models import Gateway, GatewayKey, GatewayType


class GatewayTypeForm(PartnerForm):
    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    type_prefix = forms.CharField(
        label="Prefix",
        max_length=47,
        widget=UnfoldAdminTextInputWidget,
        help_text="As assigned by Sourceful: letters, digits, _ and -.",
    )
    key_strategy = forms.ChoiceField(choices=GatewayType.KeyStrategy.choices, widget=UnfoldAdminSelectWidget)
    model = forms.CharField(
        max_length=40, initial="partner_cloud", widget=UnfoldAdminTextInputWidget,
        help_text="“model” in the JWT's header, agreed with Sourceful.",
    )  # fmt: skip
    dtype = forms.CharField(
        max_length=40, initial="json", widget=UnfoldAdminTextInputWidget,
        help_text="“dtype” in the JWT's header, agreed with Sourceful.",
    )  # fmt: skip


def _is_global(row: GatewayType) -> bool:
    return row.key_strategy == GatewayType.KeyStrategy.GLOBAL


@admin.register(GatewayType)
class GatewayTypeAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    addable = editable = True
    create_form = GatewayTypeForm
    fields = ("name", "prefix", "partner", "key_strategy", "global_key", "model", "dtype")
    list_display = ("name", "prefix", "key_strategy", "partner")
    list_filter = (("key_strategy", filters.Choice), ("partner", filters.Related))
    list_select_related = ("partner",)
    search_fields = ("name", "prefix")
    actions = ("make_key_global", "rotate_key", "activate_key")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return ("prefix", "partner", "key_strategy", "global_key")

    def create(self, *, by: Any, now: Any, **fields: Any) -> GatewayType:
        return actions.create_gateway_type(by=by, now=now, prefix=fields.pop("type_prefix"), **fields)

    def links(self, row: GatewayType) -> list[tuple[str, str]]:
        return [
            ("Gateways", columns.found(Gateway, gateway_type__id__exact=row.pk)),
            ("Keys", columns.found(GatewayKey, gateway_type__id__exact=row.pk)),
            columns.events_of(row),
        ]

    @act(
        "Make key global", done="got a global key", when=lambda row: not _is_global(row),
        warning="One key will sign for all gateways of the type, once SEN has it. There is no way back.",
    )  # fmt: skip
    def make_key_global(self, row: GatewayType, *, by: Any, now: Any) -> str:
        actions.make_key_global(gateway_type=row, by=by, now=now)
        return "register the new key with SEN, then mark it registered."

    @act("Rotate key", done="got a new key", when=_is_global)
    def rotate_key(self, row: GatewayType, *, by: Any, now: Any) -> str:
        actions.rotate_key(owner=row, by=by, now=now)
        return "the present key signs on until you register the new one with SEN and mark it registered."

    @act("Mark new key registered", done="moved to the new key", when=_is_global)
    def activate_key(self, row: GatewayType, *, by: Any, now: Any) -> None:
        actions.activate_key(owner=row, by=by, now=now)
