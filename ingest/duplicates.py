"""Devices that a partner reads through another account already: SEN must not get the same energy twice."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from gateways.models import Gateway
from ingest.models import Der, System


class LinkedElsewhere(ValidationError):
    """Devices of a system send through another gateway already; `ders` are those there."""

    def __init__(self, ders: list[Der]) -> None:
        there = "; ".join(f"{der.sn} through {der.system.gateway}, of {der.system.connection}" for der in ders)
        super().__init__(f"This home sends already: {there}. Keep that gateway, or release it first.")
        self.ders = ders


def linked_elsewhere(system: System) -> list[Der]:
    """Return the partner's DERs with a serial of this system that send through another account's gateway.

    Devices that the vendor does not list any more count on neither side: they may have moved to this home.
    """
    serials = system.ders.filter(gone_at=None).values("sn")
    elsewhere = Der.objects.filter(
        sn__in=serials, gone_at=None, system__connection__partner=system.connection.partner_id,
        system__gateway__isnull=False,
    )  # fmt: skip
    others = elsewhere.exclude(system__connection=system.connection_id).exclude(
        system__gateway__status=Gateway.Status.RELEASED
    )
    return list(others.select_related("system__connection", "system__gateway").order_by("pk"))
