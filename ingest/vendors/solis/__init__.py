"""Solis Cloud (Ginlong): key and secret, every request signed with HMAC-SHA1.

Sources: SolisCloud Platform API Document V2.0, public clients of it, and what live accounts were seen to do.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from email.utils import format_datetime
from typing import Any

from ingest.readings import DerKey, Kind, Reading, ReadingInvalid
from ingest.vendors.base import (
    Dropped,
    Field,
    HeaderForm,
    HelpStep,
    KeySecret,
    Page,
    PassThrough,
    PullPolicy,
    Quota,
    VendorAdapter,
    VendorDer,
    VendorSystem,
    Window,
)
from ingest.vendors.errors import Scope, VendorReplyInvalid
from ingest.vendors.http import excerpt, read_json
from ingest.vendors.solis import records, refusals, replies
from ingest.vendors.solis.replies import Record, text

CONTENT_TYPE = "application/json"
_PAGE_SIZE = 100  # the vendor's maximum
_FRESH = timedelta(minutes=5)  # the cloud itself renews its data every 5 minutes
_WHOLE_HOUR = timedelta(hours=1)
# Zones that "Etc/GMT…" cannot name, for stations that come with an offset only.
_FRACTIONAL_ZONES = {
    -3.5: "America/St_Johns",
    3.5: "Asia/Tehran",
    4.5: "Asia/Kabul",
    5.5: "Asia/Kolkata",
    5.75: "Asia/Kathmandu",
    6.5: "Asia/Yangon",
    9.5: "Australia/Darwin",
}


class Solis(VendorAdapter):
    """One Solis account. Battery and meter have no serials of their own and take the inverter's, with a suffix."""

    slug = "solis"
    label = "Solis"
    kinds = frozenset(Kind)
    base_urls = {"api": "https://www.soliscloud.com:13333"}
    color = "#d9480f"
    schemes = (
        KeySecret(
            name="apikeysecret",
            label="API key and secret",
            fields=(
                Field("key_id", "Key ID", "A number of 19 digits.", secret=False),
                Field("key_secret", "Key secret", "Shown next to the key ID."),
            ),
            help_steps=(
                HelpStep(
                    "Ask Solis support by a service ticket to open API access for your SolisCloud account.",
                    picture="vendors/solis/ticket.svg",
                ),
                HelpStep(
                    "Sign in at www.soliscloud.com and open Account, then Basic settings, then API management.",
                    picture="vendors/solis/menu.svg",
                ),
                HelpStep(
                    "Activate the API there, and copy the key ID and the key secret.", picture="vendors/solis/keys.svg"
                ),
            ),
            passed=PassThrough(HeaderForm.BASIC, fields=("key_id", "key_secret")),
        ),
    )
    # The vendor allows 2 requests a second, and some accounts 200 a day, of each interface. Two interfaces are asked
    # in every pull; see `_span` for how many inverters share one of them.
    policy = PullPolicy(
        interval=timedelta(minutes=10),
        window_cap=timedelta(days=1),
        lookback=timedelta(hours=2),
        max_lookback=timedelta(days=7),
        first_lookback=timedelta(days=2),
        quotas=(Quota(1, timedelta(seconds=1), Scope.ACCOUNT), Quota(360, timedelta(days=1), Scope.ACCOUNT)),
    )
    resources = tuple(replies.SHAPES)
    samples = True

    _details: tuple[datetime, list[Any]] | None = None

    def systems(self) -> list[VendorSystem]:
        """List stations, their time zones and what is wired to their inverters: three paged lists for the account."""
        stations = self._list("userStationList")
        zones = {_id(record): _zone(record) for record in self._list("stationDetailList")}
        ders: dict[str, list[VendorDer]] = {}
        for record in _records("inverterDetailList", self._latest()[1]):
            ders.setdefault(text(record, "stationId"), []).extend(_ders(record))
        return [
            VendorSystem(
                external_id=_id(station),
                name=text(station, "stationName"),
                timezone=zones.get(_id(station)) or _zone(station),
                ders=ders.get(_id(station), []),
            )
            for station in {_id(station): station for station in stations}.values()
        ]

    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page]:
        """Ask for the rows of each inverter's local days, then for the latest counters of all inverters at once."""
        fetched_at, latest = self._latest()
        inverters = _records("inverterDetailList", latest)
        asked = []
        for der in system.ders:
            span = self._span(der.key.sn, window, inverters) if der.key.kind is Kind.PV else None
            if span is not None:
                asked.append(der.key.sn)
                yield from self._days(der.key.sn, system.timezone, span)
        # One instant shall not have two powers: where the rows of the day tell it, the detail adds only its counters.
        context = {
            "station": system.external_id,
            "window": window,
            "fetched_at": fetched_at,
            "counters_only": frozenset(asked),
        }
        for reply in latest:
            yield Page("inverterDetailList", reply, context)

    @classmethod
    def normalize(cls, system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        """Turn a reply, whole or only its `data`, into readings; see `records` for units and signs."""
        return records.readings(system, page, dropped)

    @classmethod
    def narrowed(cls, system: VendorSystem, key: DerKey) -> VendorSystem:
        """Keep all that is wired to one inverter: its rows tell of it together, a hybrid's in their own way."""
        for inverter in (der.key.sn for der in system.ders if der.key.kind is Kind.PV):
            wired = {records.der_key(kind, inverter) for kind in Kind}
            if key in wired:
                return replace(system, ders=[der for der in system.ders if der.key in wired])
        return super().narrowed(system, key)

    def _span(self, sn: str, window: Window, inverters: Sequence[Record]) -> Window | None:
        """Return the time whose rows to ask for now, None if it is not this inverter's turn or nothing came since.

        All inverters of an account share the daily calls of inverterDay, so with n of them each is asked in every n-th
        pull, further back (far enough to miss a turn), and lives on the detail list meanwhile. A window longer than
        that of an ordinary pull is history, which is asked for at once.
        """
        newest = {records.serial(record): _newest(record) for record in inverters}
        last = newest.get(sn)
        if last is not None and last < window.start:
            return None
        interval, order = self.policy.interval, sorted({*newest, sn})
        if len(order) == 1 or window.end - window.start > self.policy.lookback + 2 * interval:
            return window
        turn = int(self.clock().timestamp() // interval.total_seconds()) + order.index(sn)
        if turn % len(order):
            return None
        return Window(window.start - 2 * (len(order) - 1) * interval, window.end)

    def _days(self, sn: str, zone_name: str, span: Window) -> Iterator[Page]:
        offset, days = _calendar(zoneinfo.ZoneInfo(zone_name), span)
        for day in days:
            body = {"sn": sn, "money": "", "time": day.isoformat(), "timeZone": offset}
            yield Page("inverterDay", self._post("inverterDay", body), {"sn": sn, "window": span})

    def _latest(self) -> tuple[datetime, list[Any]]:
        """Return the detail of every inverter of the account, at most five minutes old, and since when we have it."""
        now = self.clock()
        if self._details is None or now - self._details[0] > _FRESH:
            self._details = now, self._pages("inverterDetailList")
        return self._details

    def _list(self, name: str) -> list[Record]:
        return _records(name, self._pages(name))

    def _pages(self, name: str) -> list[Any]:
        pages = []
        for number in range(1, self.policy.page_budget + 1):
            pages.append(self._post(name, {"pageNo": number, "pageSize": _PAGE_SIZE}))
            if number >= replies.pages(name, pages[-1]):
                return pages
        msg = f"{name} has more than {self.policy.page_budget} pages"
        raise VendorReplyInvalid(msg)

    def _post(self, name: str, body: Mapping[str, Any]) -> Any:
        path = f"/v1/api/{name}"
        content = json.dumps(body, separators=(",", ":")).encode()
        now = self.clock()
        headers = signed_headers(self.secrets, path, content, now)
        response = self.http.send("POST", self.urls["api"] + path, headers=headers, body=content)
        said = f"{name}: HTTP {response.status_code} {excerpt(response.content)}"
        refusals.check_status(response.status_code, response.headers, said, now)
        reply = read_json(response)
        refusals.check_code(name, reply, now)
        return reply


def signed_headers(
    secrets: Mapping[str, str], path: str, body: bytes, now: datetime, content_type: str = CONTENT_TYPE
) -> dict[str, str]:
    """Return the headers that sign exactly these bytes for the vendor's own `path` (no host, no query).

    The vendor's document asks for "application/json;charset=UTF-8"; its server signs over the header it received.
    """
    # MD5 and SHA-1 are the vendor's choice; nothing of ours is protected by them.
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    sent_at = format_datetime(now.astimezone(UTC), usegmt=True)
    lines = f"POST\n{digest}\n{content_type}\n{sent_at}\n{path}"
    sign = base64.b64encode(hmac.new(secrets["key_secret"].encode(), lines.encode(), hashlib.sha1).digest()).decode()
    return {
        "Content-MD5": digest,
        "Content-Type": content_type,
        "Date": sent_at,
        "Authorization": f"API {secrets['key_id']}:{sign}",
    }


def _records(name: str, pages: Sequence[Any]) -> list[Record]:
    return [record for page in pages for record in replies.records(name, page)]


def _id(record: Record) -> str:
    return text(record, "id") or replies.missing("id", record)


def _ders(record: Record) -> list[VendorDer]:
    sn = records.serial(record)
    model = text(record, "machine") or text(record, "productModel")
    others = sorted(records.hardware([record]) - {Kind.PV})
    try:
        key, rated_w = DerKey(Kind.PV, sn), records.rated_power_w(record)
        inverter = VendorDer(key, make="Solis", model=model, rated_power_w=rated_w, external_id=_id(record))
        return [inverter, *(VendorDer(records.der_key(kind, sn)) for kind in others)]
    except ReadingInvalid as error:
        msg = f"inverter {sn!r}: {error}"
        raise VendorReplyInvalid(msg) from error


def _newest(record: Record) -> datetime | None:
    try:
        return replies.instant(record, "dataTimestamp")
    except ReadingInvalid:
        return None  # normalize counts it; here it only means that the rows have to be asked for


def _zone(record: Record) -> str:
    """Return the station's IANA zone; a bare offset ("timeZone": 5.50) becomes a zone without daylight saving."""
    name = text(record, "timeZoneStandardId")
    if name in _known_zones():
        return name
    try:
        hours = float(record.get("timeZone") or 0)
    except (TypeError, ValueError) as error:
        msg = f"timeZone is {record.get('timeZone')!r}"
        raise VendorReplyInvalid(msg) from error
    if hours.is_integer() and -12 <= hours <= 14:
        # The names have the sign turned: UTC+01:00 is Etc/GMT-1.
        return f"Etc/GMT{-int(hours):+d}" if hours else "UTC"
    return _FRACTIONAL_ZONES.get(hours, "UTC")


@functools.cache
def _known_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _calendar(zone: tzinfo, span: Window) -> tuple[int, list[date]]:
    """Return the whole hours to send as `timeZone` and the dates that cover the span.

    Half-hour zones cannot be expressed, and live accounts were seen to ignore `timeZone` and go by the station's own
    calendar. The dates cover both readings of it; the rows are told apart by their epoch time.
    """
    offset = (span.start.astimezone(zone).utcoffset() or timedelta()) // _WHOLE_HOUR
    days: set[date] = set()
    for calendar in (zone, timezone(offset * _WHOLE_HOUR)):
        day, last = (at.astimezone(calendar).date() for at in (span.start, span.end - timedelta.resolution))
        days.update(day + timedelta(days=n) for n in range((last - day).days + 1))
    return offset, sorted(days)
