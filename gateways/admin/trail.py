"""What is only read: the log of events, wallets, coordinates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from gateways import events
from gateways.admin import columns, filters
from gateways.admin.base import CappedPaginator, PartnerAdmin
from gateways.models import Coordinates, Event, Gateway, Wallet

_NAMES = sorted(
    value for name, value in vars(events).items() if name.isupper() and isinstance(value, str) and "." in value
)


class NameFilter(DropdownFilter):
    title, parameter_name = "what happened", "name"

    def lookups(self, *_: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in _NAMES]

    def queryset(self, _request: Any, queryset: Any) -> Any:
        return queryset.filter(name=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    fields = ("partner", "sequence", "at", "name", "who", "subject", "data", "previous_hash", "hash")
    list_display = ("happened", "name", "about", "who", "details", "partner")
    readonly_fields = ("who",)
    list_filter = (NameFilter, ("partner", filters.Related))
    list_select_related = ("partner",)
    search_fields = ("subject", "actor", "name")
    search_help_text = "Gateway id, actor (user:1 or an e-mail address) or name of the event"
    ordering = ("-id",)
    paginator, show_full_result_count = CappedPaginator, False

    happened = columns.ago("at", "when")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        addresses = _addresses(found.result_list)
        for event in found.result_list:
            event.address = addresses.get(event.actor, "")
        return found

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Event], search_term: str) -> Any:
        user = User.objects.filter(email__iexact=search_term.strip()).first() if "@" in search_term else None
        return super().get_search_results(request, queryset, f"user:{user.pk}" if user else search_term)

    @admin.display(description="who", ordering="actor")
    def who(self, event: Any) -> SafeString | str:
        address = event.address if hasattr(event, "address") else _addresses([event]).get(event.actor)
        return format_html('<span title="{}">{}</span>', event.actor, address) if address else event.actor

    @admin.display(description="about", ordering="subject")
    def about(self, event: Event) -> SafeString:
        url = columns.found(Event, subject=event.subject)
        return format_html('<a href="{}" title="All events of {}">{}</a>', url, event.subject, event.subject)

    @admin.display(description="details")
    def details(self, event: Event) -> SafeString | str:
        return columns.clipped(", ".join(f"{name}: {_text(value)}" for name, value in event.data.items()))


def _addresses(events: Iterable[Event]) -> dict[str, str]:
    """Return {actor: e-mail address} of those who still have an account: the log itself names nobody."""
    ids = {actor.removeprefix("user:") for event in events if (actor := event.actor).startswith("user:")}
    users = User.objects.filter(pk__in=[pk for pk in ids if pk.isdecimal()]).exclude(email="")
    return {f"user:{pk}": email for pk, email in users.values_list("pk", "email")}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@admin.register(Wallet)
class WalletAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    list_display = ("address", "partner", "proven", "created")
    list_filter = (("partner", filters.Related),)
    list_select_related = ("partner",)
    search_fields = ("address", "gateways__serial")

    proven = columns.ago("proven_at", "control proven")
    created = columns.ago("created_at", "named")

    def links(self, row: Wallet) -> list[tuple[str, str]]:
        return [("Gateways", columns.found(Gateway, wallet__id__exact=row.pk))]


@admin.register(Coordinates)
class CoordinatesAdmin(PartnerAdmin):
    partner_paths = ("gateway__partner",)
    list_display = ("__str__", "gateway", "source", "consented")
    list_filter = (("source", filters.Choice),)
    list_select_related = ("gateway__partner",)
    search_fields = ("gateway__serial",)

    consented = columns.ago("consented_at", "consent")
