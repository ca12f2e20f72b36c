"""SolarEdge Monitoring API V2, read with a Fleet Access key in `X-API-Key`.

Replies give site-local times with an offset. Buckets of power and energy are stamped with their START (our `ts` is the
end), voltage and frequency with their END. null is "no data" (night, outage, open bucket), 0.0 is "awake, no output".
Facts: api-docs.solaredge.com (Basic Monitoring API, "Migrating from V1 to V2") and live replies of August 2026.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from ingest.readings import DerKey, Kind, Reading, ReadingInvalid
from ingest.vendors.base import ApiKey, Dropped, Field, Page, PullPolicy, Quota, VendorAdapter, VendorDer, VendorSystem, Window
from ingest.vendors.errors import VendorAuthFailed, VendorError, VendorReplyInvalid, VendorThrottled, VendorUnsupported
from ingest.vendors.http import excerpt, read_json, redact

_QUARTER = timedelta(minutes=15)
_MINUTE_S = 60.0
_PROBE_S = 6 * 3600.0  # the month's balance is in no header: look again four times a day

# The answers to "what do you give for this kind of DER", with the noun that holds the serials in telemetry replies.
_ASKED_FOR = {
    Kind.PV: ("power", "energy"),
    Kind.METER: ("meters/telemetry",),
    Kind.BATTERY: ("storage/telemetry",),
}
_TELEMETRY = {
    "inverters/telemetry": (Kind.PV, "inverters"),
    "meters/telemetry": (Kind.METER, "meters"),
    "storage/telemetry": (Kind.BATTERY, "storage"),
}

_POWER = {"W": Decimal(1), "KW": Decimal(1000), "MW": Decimal(10**6)}
_ENERGY = {"WH": Decimal(1), "KWH": Decimal(1000), "MWH": Decimal(10**6), "GWH": Decimal(10**9)}
# The units each series may come in. A series that is not named here (consumptionPower, remainingEnergy …) is not ours.
_UNITS: Mapping[str, Mapping[str, Decimal]] = {
    "power": _POWER, "importPower": _POWER, "exportPower": _POWER, "chargePower": _POWER, "dischargePower": _POWER,
    "energy": _ENERGY, "importEnergy": _ENERGY, "exportEnergy": _ENERGY,
    "chargeEnergy": _ENERGY, "dischargeEnergy": _ENERGY,
    # The enumeration also has PERCENTAGE_100; no reply with it is known, by its name it is the same scale.
    "stateOfEnergy": {"PERCENTAGE": Decimal("0.01"), "PERCENTAGE_100": Decimal("0.01")},
    "voltage": {"V": Decimal(1)}, "current": {"A": Decimal(1)}, "frequency": {"HZ": Decimal(1)},
}  # fmt: skip
_STAMPED_AT_END = frozenset({"voltage", "frequency"})

_Row = dict[str, Decimal]


class SolarEdge(VendorAdapter):
    """The sites one Fleet key sees.

    PV is one DER per site, from the site's power and energy: a hybrid inverter's own power includes its battery.
    """

    slug = "solaredge"
    label = "SolarEdge"
    kinds = frozenset({Kind.PV, Kind.BATTERY, Kind.METER})
    base_urls = {"api": "https://monitoringapi.solaredge.com"}
    auth = ApiKey(
        fields=(Field("api_key", "App API key", "The key of your Fleet Access app, for Monitoring API V2."),),
        help_steps=(
            "Sign in at developer.solaredge.com with the account that manages your fleet.",
            "Create an app with Fleet Access and the Basic Monitoring API.",
            "Copy the App API key. Keys of the old monitoring portal (V1) do not work any more.",
        ),
    )
    policy = PullPolicy(
        interval=_QUARTER,
        window_cap=timedelta(hours=12),  # documented for QUARTER_HOUR; longer ones may be refused with 400
        lookback=timedelta(hours=3),
        max_lookback=timedelta(days=7),
        first_lookback=timedelta(days=2),
        # The free tier: ten calls a minute, 2,000 credits a billing month, one call is one credit.
        quotas=(Quota(10, timedelta(minutes=1)), Quota(2000, timedelta(days=30))),
    )
    resources = ("sites", "devices", "overview", "power", "energy", *_TELEMETRY, "alerts")
    sites_in_page = 1000  # the most the vendor allows

    def systems(self) -> list[VendorSystem]:
        """List the sites of the key that are in operation, with PV, grid meter and batteries. Raises VendorError."""
        return [self._system(site) for site in self._sites() if site.get("activationStatus") != "PENDING"]

    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page]:
        """Ask for the quarter hours of `window`, only for what the site has: every call costs a credit.

        Pages carry `from`, `to` and `resolution` in their context. Raises VendorError.
        """
        zone = ZoneInfo(system.timezone)
        start, end = (_quarter_hour(at).astimezone(zone).isoformat() for at in (window.start, window.end))
        query = {"from": start, "to": end, "resolution": "QUARTER_HOUR"}
        kinds = {der.key.kind for der in system.ders}
        for resource in (name for kind, names in _ASKED_FOR.items() if kind in kinds and start != end for name in names):
            yield Page(resource, self._get(f"/sites/{system.external_id}/{resource}", query), query)

    @classmethod
    def normalize(cls, system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        """Turn a page into readings at the END of each closed bucket; lists of things give none.

        For a system with known DERs, others are left alone (a production meter is no grid meter). Without them, each
        serial of the page is taken, and the site's PV is called "pv". Raises VendorReplyInvalid.
        """
        if page.resource in _SHAPES:
            _SHAPES[page.resource](page.body)
            return
        buckets = _Buckets.of(system, page)
        for key, series in _series_by_der(system, page):
            rows = _rows(series, buckets, dropped)
            yield from ((key, reading) for reading in _readings(key.kind, rows, dropped))

    def _sites(self) -> Iterator[Mapping[str, Any]]:
        # Whether `count` is that of the page or of all is not documented: a page that is not full is the last.
        for page in range(1, self.policy.page_budget + 1):
            sites = _sites(self._get("/sites", {"page": page, "sites-in-page": self.sites_in_page}))
            yield from sites
            if len(sites) < self.sites_in_page:
                return
        msg = f"/sites does not end after {self.policy.page_budget} pages"
        raise VendorReplyInvalid(msg)

    def _system(self, site: Mapping[str, Any]) -> VendorSystem:
        path = f"/sites/{site['siteId']}"
        details = _object(self._get(path), path)
        devices = _devices(self._get(f"{path}/devices", {"types": ["INVERTER", "METER", "BATTERY"]}))
        return VendorSystem(
            external_id=str(site["siteId"]),
            name=str(site.get("name") or ""),
            timezone=_timezone(details.get("location")),
            ders=_ders(site, [device for device in devices if device.get("active") is not False]),
        )

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        headers = {"Accept": "application/json", "X-API-Key": _checked_key(self.secrets.get("api_key", ""))}
        reply = self.http.send("GET", f"{self.urls['api']}/v2{path}", params=query, headers=headers)
        if reply.status_code != HTTPStatus.OK:
            said = f"GET {path}: HTTP {reply.status_code} {_reason(reply.content) or excerpt(reply)}"
            raise _error(path, reply.status_code, reply.headers, said)
        return read_json(reply)


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable():
        msg = "The API key is empty or holds characters that no key has; paste it again."
        raise VendorAuthFailed(msg)
    return key


def _quarter_hour(at: datetime) -> datetime:
    # An unaligned window would cut its first bucket in two; the rest of the last one belongs to the next window.
    return at - (at - datetime(2000, 1, 1, tzinfo=UTC)) % _QUARTER


# --- errors ----------------------------------------------------------------------------------------------------------


def _reason(content: bytes) -> str:
    """Return what an error body says: problem+json, OAuth's and Kong's ways of saying it."""
    try:
        body = json.loads(content)
    except ValueError:
        return ""  # an HTML page of the proxy in front; the caller shows an excerpt
    if not isinstance(body, Mapping):
        return ""
    texts = (body.get(field) for field in ("detail", "error_description", "message", "title"))
    return next((redact(text)[:200] for text in texts if isinstance(text, str) and text), "")


def _error(path: str, status: int, headers: Mapping[str, str], said: str) -> VendorError:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return VendorAuthFailed(said)
        case HTTPStatus.FORBIDDEN if path == "/sites" or any(word in said.lower() for word in ("grant", "scope", "token")):
            return VendorAuthFailed(said)
        case HTTPStatus.FORBIDDEN | HTTPStatus.BAD_REQUEST | HTTPStatus.NOT_FOUND:
            # One site that left the fleet, or a feature of a dearer plan: the key itself is good for the others.
            return VendorUnsupported(said)
        case HTTPStatus.GONE:
            return VendorUnsupported(f"{said}. API V1 is switched off: use the key of a Fleet Access app for V2.")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return VendorThrottled(said, retry_after=_retry_after(headers))
        case _:
            return VendorReplyInvalid(said)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Tell the two kinds of 429 apart: with calls left in the minute and no Retry-After, the month is used up."""
    wait, left = headers.get("retry-after", ""), headers.get("x-ratelimit-remaining-minute", "")
    if wait.isdecimal():
        return float(wait)
    return _PROBE_S if left.isdecimal() and int(left) > 0 else _MINUTE_S


# --- what there is ---------------------------------------------------------------------------------------------------


def _object(body: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        msg = f"{what} is not an object: {redact(repr(body))[:100]}"
        raise VendorReplyInvalid(msg)
    return body


def _objects(body: Any, what: str, *required: str) -> Sequence[Mapping[str, Any]]:
    good = isinstance(body, list) and all(isinstance(one, Mapping) and one.keys() >= set(required) for one in body)
    if not good:
        msg = f"{what} is not a list of objects with {required}: {redact(repr(body))[:100]}"
        raise VendorReplyInvalid(msg)
    found: list[Mapping[str, Any]] = body
    return found


def _sites(body: Any) -> Sequence[Mapping[str, Any]]:
    # Early V2 sent the bare array that its guide of 2022 shows.
    listed = body if isinstance(body, list) else _object(_object(body, "reply").get("sites"), "sites").get("site")
    return _objects(listed, "sites", "siteId")


def _devices(body: Any) -> Sequence[Mapping[str, Any]]:
    return _objects(body, "devices", "type", "serialNumber")


def _overview(body: Any) -> None:
    _object(_object(body, "overview").get("production"), "production")


_SHAPES = {
    "sites": _sites,
    "devices": _devices,
    "overview": _overview,
    "alerts": lambda body: _objects(body, "alerts", "alertId"),
}


def _timezone(location: Any) -> str:
    """Return the site's zone. UTC in place of a missing one does no harm: all times that matter carry offsets."""
    name = location.get("timezone") if isinstance(location, Mapping) else None
    return name if name in available_timezones() else "UTC"


def _ders(site: Mapping[str, Any], devices: Sequence[Mapping[str, Any]]) -> list[VendorDer]:
    def of_type(name: str) -> list[Mapping[str, Any]]:
        return [device for device in devices if device["type"] == name and device["serialNumber"]]

    # One grid meter is listed once per direction with the same serial; "Production" is PV seen a second time, and
    # "Consumption" is computed and has "serialNumber": null.
    meters = [device for device in of_type("METER") if device.get("meterType") in ("FeedIn", "Purchased")]
    return [*_pv(site, of_type("INVERTER")), *_by_serial(Kind.METER, meters), *_by_serial(Kind.BATTERY, of_type("BATTERY"))]


def _pv(site: Mapping[str, Any], inverters: Sequence[Mapping[str, Any]]) -> list[VendorDer]:
    peak_kw = site.get("peakPower")
    rated_power_w = float(peak_kw) * 1000 if isinstance(peak_kw, int | float) and peak_kw else None
    sn = str(inverters[0]["serialNumber"]) if len(inverters) == 1 else f"site-{site['siteId']}"
    if not inverters and rated_power_w is None:
        return []
    return [_der(DerKey(Kind.PV, sn), inverters[0] if inverters else {}, rated_power_w)]


def _by_serial(kind: Kind, devices: Sequence[Mapping[str, Any]]) -> list[VendorDer]:
    first = {str(device["serialNumber"]): device for device in reversed(devices)}
    return [_der(DerKey(kind, sn), device) for sn, device in reversed(first.items())]


def _der(key: DerKey, device: Mapping[str, Any], rated_power_w: float | None = None) -> VendorDer:
    name, make, model = (str(device.get(field) or "") for field in ("name", "manufacturer", "partNumber"))
    return VendorDer(key, name=name, make=make, model=model, rated_power_w=rated_power_w)


# --- what was measured -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Buckets:
    """What the buckets of one reply mean: how long they are and up to when the reply knows anything."""

    resolution: str
    zone: ZoneInfo
    until: datetime | None

    @classmethod
    def of(cls, system: VendorSystem, page: Page) -> _Buckets:
        body = _object(page.body, page.resource)
        resolution = body.get("resolution", page.context.get("resolution", "QUARTER_HOUR"))
        until = _object(body.get("period", {}), "period").get("to", page.context.get("to"))
        if resolution not in _STEPS and resolution not in _CALENDAR:
            msg = f"{page.resource} has the unknown resolution {resolution!r}"
            raise VendorReplyInvalid(msg)
        zone = ZoneInfo(system.timezone)
        try:
            return cls(resolution, zone, None if until is None else _instant(until, zone))
        except ReadingInvalid as error:
            msg = f"{page.resource}: the period ends with {error}"
            raise VendorReplyInvalid(msg) from error

    def span(self, stamp: datetime, *, at_end: bool) -> tuple[datetime, int]:
        """Return the end of a bucket in UTC and its length in seconds; days have 23 to 25 hours."""
        step = _STEPS.get(self.resolution)
        if at_end:
            return stamp, int(step.total_seconds()) if step else 0
        end = stamp + step if step else self._calendar_end(stamp)
        return end, int((end - stamp).total_seconds())

    def _calendar_end(self, start: datetime) -> datetime:
        if self.resolution == "TOTAL":
            return self.until or start
        day = _CALENDAR[self.resolution](start.astimezone(self.zone).date())
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


_STEPS = {"QUARTER_HOUR": _QUARTER, "HOUR": timedelta(hours=1)}
# The local date on which a bucket ends that begins on a local date.
_CALENDAR: Mapping[str, Callable[[date], date]] = {
    "DAY": lambda day: day + timedelta(days=1),
    "WEEK": lambda day: day + timedelta(days=7),
    "MONTH": lambda day: (day.replace(day=1) + timedelta(days=31)).replace(day=1),
    "YEAR": lambda day: date(day.year + 1, 1, 1),
}
