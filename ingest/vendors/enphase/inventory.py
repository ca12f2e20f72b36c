"""Systems and devices as Enphase lists them, and the DERs they are for us."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard
from zoneinfo import available_timezones

from ingest.readings import DerKey, Kind
from ingest.vendors.base import VendorDer, VendorSystem
from ingest.vendors.enphase import telemetry
from ingest.vendors.errors import VendorReplyInvalid
from ingest.vendors.http import object_of, redact

_Object = Mapping[str, Any]
_Devices = Mapping[str, Sequence[_Object]]


def systems(body: Any) -> Sequence[_Object]:
    """Return the entries of a page of /systems. Raises VendorReplyInvalid."""
    entries = object_of(body, "reply").get("systems")
    if not _are_objects(entries) or not all(entry.get("system_id") for entry in entries):
        msg = f"no list of systems: {redact(repr(body))[:100]}"
        raise VendorReplyInvalid(msg)
    return entries


def summary(body: Any) -> _Object:
    """Return a summary, which says by `source` what the vendor goes by. Raises VendorReplyInvalid."""
    told = object_of(body, "summary")
    if "source" not in told:
        msg = f"a summary without its source: {redact(repr(body))[:100]}"
        raise VendorReplyInvalid(msg)
    return told


def devices(body: Any) -> _Devices:
    """Return the active devices by kind; kinds the system does not have are missing. Raises VendorReplyInvalid."""
    by_kind = object_of(object_of(body, "reply").get("devices"), "devices")
    if not all(_are_objects(several) for several in by_kind.values()):
        msg = f"devices are no lists of objects: {redact(repr(body))[:100]}"
        raise VendorReplyInvalid(msg)
    return {kind: [one for one in several if one.get("active") is not False] for kind, several in by_kind.items()}


CHECKS: Mapping[str, Callable[[Any], object]] = {"systems": systems, "summary": summary, "devices": devices}


def system(listed: VendorSystem, entry: Any, told: _Object, found: _Devices) -> VendorSystem:
    """Put together what /systems/{id}, its summary and its devices tell. Raises VendorReplyInvalid."""
    own = object_of(entry, "system")
    makers: tuple[Callable[[str, _Object, _Devices], VendorDer | None], ...] = (_pv, _meter, _battery)
    ders = [make(listed.external_id, told, found) for make in makers]
    return VendorSystem(
        external_id=listed.external_id,
        name=str(own.get("name") or listed.name),
        timezone=_timezone(own.get("timezone")),
        ders=[der for der in ders if der],
    )


def _timezone(name: Any) -> str:
    # Also legacy names as "US/Pacific". UTC in place of a missing one does no harm: all times are epochs.
    return name if isinstance(name, str) and name in available_timezones() else "UTC"


def _pv(system_id: str, told: _Object, found: _Devices) -> VendorDer | None:
    """Return the PV, metered one way: what a meter and what microinverters say differs by a percent.

    The meter's serial stays as long as its series. Microinverters are many, come and go, and outlive a gateway; what
    they are together is named after the system.
    """
    meters, micros = _meters(found, "production"), found.get("micros", [])
    if told["source"] == "meter" and meters:
        sn, resource = _serial(system_id, Kind.PV, meters), telemetry.PV_METER
    elif micros:
        sn, resource = f"{system_id}-{Kind.PV}", telemetry.PV_MICROS
    else:
        return None
    return _der(DerKey(Kind.PV, sn), micros, _watts(told.get("size_w")), resource)


def _meter(system_id: str, _: _Object, found: _Devices) -> VendorDer | None:
    """Return the grid meter: import and export are known where there is a meter of the consumption."""
    meters = _meters(found, "consumption")
    return _der(DerKey(Kind.METER, _serial(system_id, Kind.METER, meters)), meters) if meters else None


def _battery(system_id: str, told: _Object, found: _Devices) -> VendorDer | None:
    """Return all batteries as the one that the telemetry tells of; it must not end when another is added."""
    batteries = [*found.get("encharges", []), *found.get("acbs", [])]
    key = DerKey(Kind.BATTERY, f"{system_id}-{Kind.BATTERY}")
    return _der(key, batteries, _watts(told.get("battery_discharge_w"))) if batteries else None


def _meters(found: _Devices, name: str) -> list[_Object]:
    meters = [meter for meter in found.get("meters", []) if meter.get("state") != "disabled"]
    return [meter for meter in meters if str(meter.get("name")).lower() == name]


def _serial(system_id: str, kind: Kind, meters: Sequence[_Object]) -> str:
    """Return the serial of the only meter, e.g. "…EIM1"; several are told of together, as the system's."""
    only = meters[0].get("serial_number") if len(meters) == 1 else None
    return str(only or f"{system_id}-{kind}")


def _der(key: DerKey, listed: Sequence[_Object], rated_power_w: float | None = None, resource: str = "") -> VendorDer:
    models = {str(device.get("product_name") or device.get("model") or "") for device in listed}
    model = models.pop() if len(models) == 1 else ""
    return VendorDer(key, make="Enphase", model=model, rated_power_w=rated_power_w, external_id=resource)


def _watts(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 10**9 else None


def _are_objects(body: Any) -> TypeGuard[Sequence[_Object]]:
    return isinstance(body, list) and all(isinstance(one, Mapping) for one in body)
