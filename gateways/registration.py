"""The CSV that staff hand to Sourceful to register gateways and new keys: SEN has no public call for it (sen.md 6)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from django.db.models import QuerySet

from gateways.models import Gateway, GatewayKey

# The columns of Sourceful's factory tool; a partner cloud has no network cards and no Helium key.
COLUMNS = ("ecc_serial", "mac_eth0", "mac_wlan0", "helium_public_key", "full_public_key")
_State = GatewayKey.State


def registration_csv(gateways: QuerySet[Gateway]) -> str:
    """Return the CSV of what SEN has yet to learn about these gateways; only the header if there is nothing.

    A row is a gateway that is not registered with the key it will sign with, or a registered one with its pending key.
    Ids and keys begin with a letter, digit or _ (the database sees to it), so no spreadsheet takes one for a formula.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows((serial, "", "", "", public_key) for serial, public_key in _rows(gateways))
    return out.getvalue()


def _rows(gateways: QuerySet[Gateway]) -> Iterator[tuple[str, str]]:
    keys = GatewayKey.objects.order_by()
    own_pending = dict(keys.filter(state=_State.PENDING, gateway__in=gateways).values_list("gateway", "public_key"))
    of_types = (
        keys.filter(gateway_type__gateways__in=gateways).distinct().values_list("gateway_type", "public_key", "state")
    )
    shared = {(type_id, state): public_key for type_id, public_key, state in of_types}
    wanted = gateways.exclude(status=Gateway.Status.RELEASED).order_by("serial")
    for pk, type_id, serial, status in wanted.values_list("pk", "gateway_type", "serial", "status"):
        pending, active = shared.get((type_id, _State.PENDING)), shared.get((type_id, _State.ACTIVE))
        type_key = (active or pending) if status == Gateway.Status.CREATED else pending
        if public_key := own_pending.get(pk) or type_key:
            yield serial, public_key
