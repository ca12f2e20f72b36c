"""Sites and devices as SolarEdge lists them, and the DERs they are for us."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import available_timezones

from ingest.readings import DerKey, Kind
from ingest.vendors.base import VendorDer, VendorSystem
from ingest.vendors.errors import VendorReplyInvalid
from ingest.vendors.http import object_of, redact

_Object = Mapping[str, Any]
_GRID = ("FEEDIN", "PURCHASED")


def objects_of(body: Any, what: str, *required: str) -> Sequence[_Object]:
    """Return a list of JSON objects that have the required keys; raise VendorReplyInvalid for anything else."""
    if not isinstance(body, list) or not all(isinstance(one, Mapping) and one.keys() >= {*required} for one in body):
        msg = f"{what} is not a list of objects with {', '.join(required) or 'values'}: {redact(repr(body))[:100]}"
        raise VendorReplyInvalid(msg)
    return body


def sites(body: Any) -> Sequence[_Object]:
    """Return the sites of a page of /sites. The vendor's guide of 2022 shows a bare array; that is read too."""
    listed = body if isinstance(body, list) else object_of(object_of(body, "reply").get("sites"), "sites").get("site")
    return objects_of(listed, "sites", "siteId")


def devices(body: Any) -> Sequence[_Object]:
    return objects_of(body, "devices", "type")


def _overview(body: Any) -> _Object:
    return object_of(object_of(body, "overview").get("production"), "production")


def _alerts(body: Any) -> Sequence[_Object]:
    return objects_of(body, "alerts", "alertId")


CHECKS: Mapping[str, Callable[[Any], object]] = {
    "sites": sites, "devices": devices, "overview": _overview, "alerts": _alerts,
}  # fmt: skip


def system(listed: VendorSystem, details: Any, listed_devices: Sequence[_Object]) -> VendorSystem:
    """Add the reply of /sites/{id} and the site's devices to a listed site. Raises VendorReplyInvalid."""
    site = object_of(details, "site")
    active = [device for device in listed_devices if device.get("active") is not False]
    return _placed(listed, site, _ders(listed.external_id, site, active))


def system_as_known(known: VendorSystem, details: Any) -> VendorSystem:
    """Add the reply of /sites/{id} to a site whose devices may not be asked for: what is known of them stays.

    Without the serial of its inverter, PV is named after the site. Raises VendorReplyInvalid.
    """
    site = object_of(details, "site")
    return _placed(known, site, known.ders or _pv(known.external_id, site, []))


def _placed(listed: VendorSystem, site: _Object, ders: Sequence[VendorDer]) -> VendorSystem:
    location = site.get("location")
    return VendorSystem(
        external_id=listed.external_id,
        name=listed.name or str(site.get("name") or ""),
        timezone=_timezone(location.get("timezone") if isinstance(location, Mapping) else None),
        ders=ders,
    )


def _timezone(name: Any) -> str:
    # UTC in place of a missing one does no harm: questions and quarter hours carry their offset.
    return name if isinstance(name, str) and name in available_timezones() else "UTC"


def _ders(site_id: str, site: _Object, active: Sequence[_Object]) -> list[VendorDer]:
    def of_type(name: str) -> list[_Object]:
        return [device for device in active if device["type"] == name]

    # The grid meter is listed once per direction with one serial. "Production" is PV seen again, "Consumption" and
    # "SelfConsumption" are computed ("serialNumber": null). Live types are "FeedIn", the guide has capitals.
    meters = [meter for meter in of_type("METER") if str(meter.get("meterType")).upper().replace("_", "") in _GRID]
    return [
        *_pv(site_id, site, of_type("INVERTER")),
        *_by_serial(Kind.METER, meters),
        *_by_serial(Kind.BATTERY, of_type("BATTERY")),
    ]


def _pv(site_id: str, site: _Object, inverters: Sequence[_Object]) -> list[VendorDer]:
    peak_kw = site.get("peakPower")
    rated_power_w = float(peak_kw) * 1000 if isinstance(peak_kw, int | float) and peak_kw > 0 else None
    if not inverters and rated_power_w is None:
        return []
    only = inverters[0] if len(inverters) == 1 else {}
    return [_der(DerKey(Kind.PV, str(only.get("serialNumber") or f"site-{site_id}")), only, rated_power_w)]


def _by_serial(kind: Kind, listed: Sequence[_Object]) -> list[VendorDer]:
    first: dict[str, _Object] = {}
    for device in listed:
        if device.get("serialNumber"):
            first.setdefault(str(device["serialNumber"]), device)
    return [_der(DerKey(kind, sn), device) for sn, device in first.items()]


def _der(key: DerKey, device: _Object, rated_power_w: float | None = None) -> VendorDer:
    name, make, model = (str(device.get(field) or "") for field in ("name", "manufacturer", "partNumber"))
    return VendorDer(key, name=name, make=make, model=model, rated_power_w=rated_power_w)
