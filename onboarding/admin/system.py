"""Giving systems their gateways, from the list and from a system's own page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from gateways.access import Duty
from gateways.admin.acts import ActForm, act
from gateways.admin.base import choices_of
from gateways.models import GatewayType
from ingest.admin.system import SystemAdmin as IngestSystemAdmin
from ingest.models import System
from onboarding import actions


class TypeForm(ActForm):
    """The type of the new gateways, among those of the systems' partners."""

    gateway_type = forms.ModelChoiceField(GatewayType.objects.none(), widget=UnfoldAdminSelectWidget)

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[System]) -> None:
        super().__init__(data, request=request, rows=rows)
        partners = {system.connection.partner_id for system in rows}
        types = choices_of(admin.site, GatewayType, request, Duty.OPERATE)
        choices: Any = self.fields["gateway_type"]
        choices.queryset = types.filter(partner__in=partners)


class SystemAdmin(IngestSystemAdmin):
    partner_paths = IngestSystemAdmin.partner_paths
    actions = ("give_gateway",)

    @act("Give a gateway", done="got a gateway", form=TypeForm, when=lambda system: system.gateway_id is None)
    def give_gateway(self, system: System, *, by: Any, now: Any, gateway_type: GatewayType) -> str:
        gateway = actions.give_gateway(system=system, gateway_type=gateway_type, by=by, now=now)
        return f"sends as {gateway}."


admin.site.unregister(System)
admin.site.register(System, SystemAdmin)
