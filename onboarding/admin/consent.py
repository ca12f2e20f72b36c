"""What homeowners agreed to, word for word; and what the portal remembers of mails and of proofs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from gateways import access
from gateways.admin import columns, filters
from gateways.admin.base import PartnerAdmin
from ingest.admin.base import vendor
from onboarding.models import Consent, Notice, WalletChallenge


@admin.register(Consent)
class ConsentAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    fields = (
        "partner", "user", "subject", "vendor", "connection", "purpose", "shared", "text_version", "language",
        "given_at", "expires_at", "ended_at", "ending", "text",
    )  # fmt: skip
    list_display = (
        "giver",
        "purpose",
        "shared",
        "vendor",
        "text_version",
        "given",
        "ends",
        "ended",
        "ending",
        "partner",
    )
    list_filter = (
        filters.yes_no("counts now", "counts", Q(ended_at__isnull=True)),
        ("purpose", filters.Choice),
        vendor("vendor"),
        ("ending", filters.Choice),
        ("partner", filters.Related),
    )
    list_select_related = ("partner", "user")
    search_fields = ("user__email", "subject", "uid", "connection__label", "connection__systems__gateway__serial")
    search_help_text = "Homeowner's address, the partner's reference or a gateway id"

    given = columns.ago("given_at", "given")
    ends = columns.ago("expires_at", "ends")
    ended = columns.ago("ended_at", "ended", never="-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Consent]:
        return super().get_queryset(request).select_related("partner", "user", "connection")

    def links(self, row: Consent) -> list[tuple[str, str]]:
        connection = [("Connection", columns.page(row.connection))] if row.connection else []
        return [*connection, columns.events_of(row)]

    @admin.display(description="who", ordering="user__email")
    def giver(self, consent: Consent) -> str:
        return (consent.user.email if consent.user else "") or consent.subject or "deleted"

    @admin.display(description="shared")
    def shared(self, consent: Consent) -> str:
        return ", ".join(consent.kinds)


@admin.register(Notice)
class NoticeAdmin(PartnerAdmin):
    partner_paths = access.INSTALLATION
    deletable = True
    fields = ("kind", "about", "sent_at")
    list_display = ("kind", "about", "sent")
    list_filter = ("kind",)
    search_fields = ("about",)

    sent = columns.ago("sent_at", "sent")


@admin.register(WalletChallenge)
class WalletChallengeAdmin(PartnerAdmin):
    partner_paths = ("partner",)
    fields = ("partner", "user", "address", "message", "created_at", "expires_at", "used_at")
    list_display = ("address", "user", "created", "used", "partner")
    list_filter = (("partner", filters.Related),)
    list_select_related = ("partner", "user")
    search_fields = ("address", "user__email")

    created = columns.ago("created_at", "asked")
    used = columns.ago("used_at", "proven", never="-")

    def links(self, row: Any) -> list[tuple[str, str]]:
        return [("Proofs of this wallet", columns.found(WalletChallenge, q=row.address))]
