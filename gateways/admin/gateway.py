"""Gateways: where each one stands in its life, and the next step. `ingest.admin` adds the queue and the network."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from gateways import actions, queries
from gateways.access import Duty
from gateways.admin import columns, filters
from gateways.admin.acts import ActForm, act
from gateways.admin.base import PartnerAdmin, choices_of
from gateways.admin.key import BAN_WARNING, BanForm
from gateways.models import Coordinates, Gateway, GatewayKey, GatewayType
from gateways.registration import registration_csv

COLORS = {"active": "success", "suspended": "warning", "registered": "info", "owned": "info", "located": "info"}
_Status = Gateway.Status


class GatewayForm(ActForm):
    gateway_type = forms.ModelChoiceField(GatewayType.objects.none(), widget=UnfoldAdminSelectWidget)
    name = forms.CharField(max_length=100, required=False, widget=UnfoldAdminTextInputWidget)
    serial = forms.CharField(
        label="Gateway id", max_length=64, required=False, widget=UnfoldAdminTextInputWidget,
        help_text="Only for a gateway that Sourceful knows already; else it gets a random one.",
    )  # fmt: skip

    def __init__(self, data: Any, *, request: HttpRequest, rows: Any) -> None:
        super().__init__(data, request=request, rows=rows)
        choices: Any = self.fields["gateway_type"]
        choices.queryset = choices_of(admin.site, GatewayType, request, Duty.OPERATE)


class WalletForm(ActForm):
    address = forms.CharField(
        widget=UnfoldAdminTextInputWidget,
        max_length=64,
        help_text="The homeowner's Solana address: 32 to 44 letters and digits.",
    )


class PositionForm(ActForm):
    map = True
    latitude = forms.DecimalField(
        max_digits=9, widget=UnfoldAdminDecimalFieldWidget, help_text="Degrees, north positive, e.g. 59.33"
    )
    longitude = forms.DecimalField(
        max_digits=9, widget=UnfoldAdminDecimalFieldWidget, help_text="Degrees, east positive, e.g. 18.07"
    )
    source = forms.ChoiceField(
        choices=Coordinates.Source, initial=Coordinates.Source.TYPED, required=False, widget=forms.HiddenInput
    )

    def __init__(self, data: Any, *, request: HttpRequest, rows: Any) -> None:
        super().__init__(data, request=request, rows=rows)
        if place := rows[0].coordinates:
            self.initial = {"latitude": place.latitude, "longitude": place.longitude}

    def clean_source(self) -> str:
        return self.cleaned_data["source"] or Coordinates.Source.TYPED


def _is(*wanted: str) -> Any:
    return lambda gateway: gateway.status in wanted


@admin.register(Gateway)
class GatewayAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    addable = editable = True
    create_form = GatewayForm
    fields = (
        "serial", "name", "status", "gateway_type", "partner", "owner", "wallet", "coordinates", "registered_at",
        "created_at"
    )  # fmt: skip
    readonly_fields = tuple(name for name in fields if name != "name")
    list_display: tuple[str, ...] = ("serial", "name", "status_label", "key_label", "gateway_type", "partner")
    list_filter: tuple[Any, ...] = (
        ("status", filters.Choice),
        ("gateway_type", filters.Related),
        ("partner", filters.Related),
    )
    list_select_related: tuple[str, ...] = ("gateway_type", "partner", "wallet")
    search_fields: tuple[str, ...] = ("serial", "name", "wallet__address", "keys__public_key")
    search_help_text = "Gateway id, name, wallet or public key"
    actions: tuple[str, ...] = (
        "export_registration", "mark_registered", "rotate_key", "activate_key", "ban_key", "set_wallet", "set_position",
        "activate", "suspend", "resume", "release",
    )  # fmt: skip

    status_label = columns.state("status", COLORS, "status")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gateway]:
        this = Gateway.objects.filter(pk=OuterRef("pk"))
        pending = GatewayKey.objects.filter(gateway=OuterRef("pk"), state=GatewayKey.State.PENDING)
        rows: QuerySet[Gateway] = super().get_queryset(request)
        return rows.annotate(has_key=Exists(queries.with_active_key(this)), has_new_key=Exists(pending))

    def create(self, *, by: Any, now: Any, **fields: Any) -> Gateway:
        return actions.create_gateway(by=by, now=now, **fields)

    def links(self, row: Gateway) -> list[tuple[str, str]]:
        return [
            columns.events_of(row),
            ("Keys", columns.found(GatewayKey, gateway__id__exact=row.pk)),
        ]

    @admin.display(description="key")
    def key_label(self, gateway: Any) -> tuple[str, str]:
        if gateway.has_key:
            return ("pending", "new key waits") if gateway.has_new_key else ("active", "signs")
        return ("pending", "not registered") if gateway.has_new_key else ("banned", "none")

    vars(key_label)["label"] = {"active": "success", "pending": "info", "banned": "danger"}

    # --- Registration -------------------------------------------------------------------------------------------------

    @admin.action(description="Export registration CSV", permissions=["operate"])
    def export_registration(self, request: HttpRequest, queryset: QuerySet[Gateway]) -> HttpResponse:
        rows = self.limit(queryset.order_by(), request, Duty.OPERATE)
        response = HttpResponse(
            registration_csv(Gateway.objects.filter(pk__in=rows.values("pk"))), content_type="text/csv"
        )
        response["Content-Disposition"] = 'attachment; filename="registration.csv"'
        return response

    @act("Mark registered", done="marked registered", when=_is(_Status.CREATED))
    def mark_registered(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        actions.register_gateway(gateway=gateway, by=by, now=now)

    # --- Keys ---------------------------------------------------------------------------------------------------------

    @act("Rotate key", done="got a new key", when=lambda gateway: gateway.has_key and not gateway.has_new_key)
    def rotate_key(self, gateway: Gateway, *, by: Any, now: Any) -> str:
        actions.rotate_key(owner=gateway, by=by, now=now)
        return "the present key signs on until you register the new one with SEN and mark it registered."

    @act(
        "Mark new key registered", done="moved to the new key",
        when=lambda gateway: gateway.has_new_key and gateway.status in Gateway.SIGNING,
    )  # fmt: skip
    def activate_key(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        actions.activate_key(owner=gateway, by=by, now=now)

    @act("Ban key", done="left without a key", form=BanForm, warning=BAN_WARNING, when=lambda gateway: gateway.has_key)
    def ban_key(self, gateway: Gateway, *, by: Any, now: Any, reason: str) -> None:
        key = gateway.keys.filter(state=GatewayKey.State.ACTIVE).first()
        if key is None:
            msg = "It has no active key of its own. The key of its type, or a new one, is banned on the key's own page."
            raise ValidationError(msg)
        actions.ban_key(key=key, reason=reason, by=by, now=now)

    # --- Wallet and position ------------------------------------------------------------------------------------------

    @act("Set wallet", done="got its wallet", form=WalletForm, at_most=1, when=_is(_Status.CREATED, _Status.REGISTERED))
    def set_wallet(self, gateway: Gateway, *, by: Any, now: Any, address: str) -> None:
        actions.bind_wallet(gateway=gateway, address=address, by=by, now=now)

    @act(
        "Set position",
        done="located",
        form=PositionForm,
        at_most=1,
        when=lambda gateway: gateway.status != _Status.RELEASED,
    )
    def set_position(self, gateway: Gateway, *, by: Any, now: Any, **place: Any) -> None:
        actions.locate_gateway(gateway=gateway, by=by, now=now, **place)

    # --- Life ---------------------------------------------------------------------------------------------------------

    @act("Activate", done="activated", when=_is(_Status.LOCATED))
    def activate(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        actions.activate_gateway(gateway=gateway, by=by, now=now)

    @act("Suspend", done="suspended: readings are collected and wait", when=_is(_Status.ACTIVE))
    def suspend(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        actions.suspend_gateway(gateway=gateway, by=by, now=now)

    @act("Resume", done="resumed: what waited goes out", when=_is(_Status.SUSPENDED))
    def resume(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        actions.resume_gateway(gateway=gateway, by=by, now=now)

    @act(
        "Release for good", done="released", when=lambda gateway: gateway.status != _Status.RELEASED,
        warning="A released gateway never sends again, and its keys are retired. This cannot be undone.",
    )  # fmt: skip
    def release(self, gateway: Gateway, *, by: Any, now: Any) -> None:
        actions.release_gateway(gateway=gateway, by=by, now=now)
