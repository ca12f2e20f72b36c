"""What an account can see: its systems and their DERs, written down with what is new, changed or gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from gateways import events
from ingest import windows
from ingest.models import Connection, Der, System
from ingest.readings import ReadingInvalid
from ingest.vendors.base import VendorAdapter, VendorDer, VendorSystem
from ingest.vendors.errors import VendorReplyInvalid


def discover(connection: Connection, adapter: VendorAdapter, now: datetime) -> None:
    """List the account's systems. Raises VendorError."""
    try:
        found = adapter.systems()
    except ReadingInvalid as error:
        raise VendorReplyInvalid(str(error)) from error
    with transaction.atomic():
        # The account before its systems and its partner, as everybody does.
        Connection.objects.select_for_update().only("pk").get(pk=connection.pk)
        for listed in found:
            _save_system(connection, listed, now)
        listed_ids = [listed.external_id for listed in found]
        gone = connection.systems.exclude(external_id__in=listed_ids).filter(gone_at=None).update(gone_at=now)
        # When something is gone, the list is asked for once more with the next pull: it may have been cut short.
        Connection.objects.filter(pk=connection.pk).update(discovered_at=None if gone else now)


def describe(system: System, adapter: VendorAdapter, now: datetime) -> None:
    """Ask for what the list does not tell of a system, its DERs above all. Raises VendorError."""
    try:
        told = adapter.describe(windows.described(system))
    except ReadingInvalid as error:
        raise VendorReplyInvalid(str(error)) from error
    with transaction.atomic():
        System.objects.select_for_update().only("pk").get(pk=system.pk)  # before its DERs, as the store does
        _save_description(system, told, now)


def up_to_date(system: System, adapter: VendorAdapter, now: datetime) -> System:
    """Return a system that is to be read, described anew if that was never done or too long ago. Raises VendorError."""
    if system.described_at is not None and system.described_at >= now - adapter.policy.discover_every:
        return system
    describe(system, adapter, now)
    return System.objects.prefetch_related("ders").get(pk=system.pk)


def describe_new(connection: Connection, adapter: VendorAdapter, clock: Callable[[], datetime]) -> None:
    """Describe the systems that nobody has described yet. Raises VendorError; what was described by then stands."""
    for system in connection.systems.filter(described_at=None, gone_at=None).prefetch_related("ders"):
        describe(system, adapter, clock())


def _save_system(connection: Connection, listed: VendorSystem, now: datetime) -> None:
    system, created = System.objects.update_or_create(
        connection=connection, external_id=listed.external_id, defaults={"name": listed.name[:200], "gone_at": None}
    )
    if listed.described:
        _save_description(system, listed, now)
    if created:
        ders = [_name(der) for der in _shared(system, listed)]
        events.note(connection, events.SYSTEM_DISCOVERED, "pull", now, system=listed.external_id, ders=ders)


def _save_description(system: System, told: VendorSystem, now: datetime) -> None:
    serials = [der.key.sn for der in told.ders]
    if len(set(serials)) < len(serials):
        msg = f"two energy resources of system {told.external_id} have the same serial"
        raise VendorReplyInvalid(msg)
    for der in _shared(system, told):
        Der.objects.update_or_create(
            system=system,
            kind=der.key.kind.value,
            sn=der.key.sn,
            defaults={
                "name": der.name[:200],
                "make": der.make[:100],
                "model": der.model[:100],
                "rated_power_w": der.rated_power_w,
                "external_id": der.external_id,
                "gone_at": None,
            },
        )
    # A replaced inverter must not be asked for, nor take the readings of its successor.
    system.ders.exclude(sn__in=serials).filter(gone_at=None).update(gone_at=now)
    System.objects.filter(pk=system.pk).update(
        timezone=told.timezone, latitude=told.latitude, longitude=told.longitude, described_at=now
    )


def _name(der: VendorDer) -> str:
    return f"{der.key.kind}:{der.key.sn}"


def _shared(system: System, told: VendorSystem) -> list[VendorDer]:
    """Return the DERs of a system but those of kinds that its owner withholds: nothing is kept of them."""
    withheld = Connection.objects.values_list("withheld_kinds", flat=True).get(pk=system.connection_id)
    return [der for der in told.ders if der.key.kind not in withheld]
