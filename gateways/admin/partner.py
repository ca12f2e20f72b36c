"""Partners and who works for them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from gateways.access import Duty
from gateways.admin import columns
from gateways.admin.base import PartnerAdmin
from gateways.models import Event, Gateway, Membership, Partner


@admin.register(Partner)
class PartnerSiloAdmin(PartnerAdmin):
    partner_paths = ("pk",)
    addable = editable = True
    change_duty = Duty.GOVERN
    fields = ("name", "slug", "environment", "retention_days", "created_at")
    list_display = ("name", "environment_label", "slug", "retention_days")
    search_fields = ("name", "slug")

    environment_label = columns.state("environment", {"sandbox": "info", "production": "success"}, "environment")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002
        # Rows never move between environments, and the slug stands in links that are out already.
        return ("slug", "environment", "created_at") if obj else ("created_at",)

    def links(self, row: Partner) -> list[tuple[str, str]]:
        return [
            ("Gateways", columns.found(Gateway, partner__id__exact=row.pk)),
            ("Members", columns.found(Membership, partner__id__exact=row.pk)),
            ("Events", columns.found(Event, partner__id__exact=row.pk)),
        ]


@admin.register(Membership)
class MembershipAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    addable = editable = deletable = True
    change_duty = Duty.GOVERN
    fields = ("partner", "user", "role")
    list_display = ("user", "partner", "role_label")
    list_filter = ("role",)
    list_select_related = ("user", "partner")
    search_fields = ("user__email", "partner__name")

    role_label = columns.state("role", {"owner": "primary", "operator": "info", "support": "success"}, "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return ("partner", "user") if obj else ()

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "user":
            kwargs["queryset"] = self._people(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _people(self, request: HttpRequest) -> QuerySet[Any]:
        """Return whom the user may make a member: colleagues in any partner; a superuser knows everybody on staff."""
        staff = get_user_model()._default_manager.filter(is_staff=True)
        if request.user.is_superuser:
            return staff
        return staff.filter(memberships__in=self.get_queryset(request)).distinct()
