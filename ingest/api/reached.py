"""Which systems, DERs and readings a caller reaches: those of the gateways that `gateways.oauth.reach` gives."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from gateways.models import Gateway
from gateways.oauth import reach, scopes
from gateways.oauth.tokens import Caller
from gateways.rest.authentication import too_narrow
from gateways.rest.problems import conflict
from ingest import sharing
from ingest.models import Connection, Der, System

_MEASURED = (
    "kind", "sn", "make", "rated_power_w", "last_reading_at", "system__timezone", "system__pulled_through",
    "system__gateway__serial", "system__gateway__status", "system__gateway__partner", "system__gateway__gateway_type",
)  # fmt: skip


def systems(caller: Caller, rows: QuerySet[System]) -> QuerySet[System]:
    """Keep the systems that a caller may know of; the partner's own backend knows also those without a gateway."""
    mine = rows.filter(connection__partner=caller.partner)
    return mine if reach.is_partners_own(caller) else mine.filter(gateway__in=reach.gateways(caller))


def accounts(caller: Caller, rows: QuerySet[Connection]) -> QuerySet[Connection]:
    """Keep the accounts at vendors that a caller may know of; the partner's own backend also those with no home."""
    mine, homes = rows.filter(partner=caller.partner), systems(caller, System.objects.all())
    return mine if reach.is_partners_own(caller) else mine.filter(pk__in=homes.values("connection"))


def ders(caller: Caller, rows: QuerySet[Der]) -> QuerySet[Der]:
    """Keep the DERs that a caller may know of: of its systems, those that their owners share."""
    return shared(caller, rows.filter(system__in=systems(caller, System.objects.all())))


def shared(caller: Caller, rows: QuerySet[Der]) -> QuerySet[Der]:
    """Keep the DERs of kinds that their owners share, and let this caller see."""
    return sharing.shared(rows).filter(kind__in=reach.kinds(caller))


def gateway(caller: Caller, serial: str) -> Gateway:
    """Return a gateway that a caller may know of. Raises Http404."""
    return get_object_or_404(reach.gateways(caller), serial=serial)


def one_der(found: QuerySet[Der], sn: str, gateway: str) -> Der:
    """Return the DER with a serial, of this gateway if one is named. Raises Http404; Problem where several have it."""
    rows = found.filter(sn=sn, **({"system__gateway__serial": gateway} if gateway else {}))
    match list(rows.select_related("system__gateway").order_by()[:2]):
        case []:
            raise Http404
        case [der]:
            return der
    msg = f"Several homes have a device with the serial {sn}: add ?gateway=<id of its gateway>."
    raise conflict(msg, slug="serial-ambiguous")


def measured_der(caller: Caller, sn: str, gateway: str) -> tuple[Der, Gateway]:
    """Return a DER of which a caller may see readings, and its gateway.

    Raises as `one_der`, and Problem where a homeowner has not agreed to it.
    """
    homes = reach.with_readings(caller)
    # Pages are many and DERs have columns enough to show in the time a page takes.
    rows = Der.objects.filter(system__gateway__in=homes).only(*_MEASURED)
    der = one_der(shared(caller, rows), sn, gateway)
    return der, _agreed(caller, der.system)


def measured_home(caller: Caller, gateway: str) -> tuple[System, Gateway]:
    """Return the system of a gateway of which a caller may see readings, and that. Raises as `measured_der`."""
    homes = reach.with_readings(caller)
    rows = System.objects.select_related("gateway__partner", "gateway__gateway_type", "connection")
    system = get_object_or_404(rows.filter(gateway__in=homes), gateway__serial=gateway)
    return system, _agreed(caller, system)


def _agreed(caller: Caller, system: System) -> Gateway:
    """Return the gateway; refuse where a homeowner lets an app know of a home and not see what was measured there."""
    gateway = system.gateway
    assert gateway is not None  # noqa: S101  it was found by its gateway
    if caller.user and not reach.agreed(caller, gateway, scopes.TELEMETRY_READ):
        raise too_narrow(scopes.TELEMETRY_READ)
    return gateway
