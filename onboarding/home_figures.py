"""A home's figures in words: what its devices do now, what flowed on a day or in a month, what SEN has of today.

They are for people, so they are positive and the words tell which way the energy flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Q, QuerySet, Sum
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingest import statistics, vendors
from ingest.models import Der, GatewayQueue, Message, Reading, System
from ingest.readings import Kind, Quality
from ingest.statistics import Bucket, Step
from onboarding import my_homes

DAILY_POINTS = 25  # sen.md 4: fewer points of a DER on a day earn nothing
_IDLE_W = 10  # inverters and meters never stand quite still
_STALE = timedelta(hours=1)
KINDS = {Kind.PV: gettext_lazy("Solar"), Kind.BATTERY: gettext_lazy("Battery"), Kind.METER: gettext_lazy("Grid")}
# What a DER does when energy flows in (first) or out, and when hardly any does.
_DOING = {
    Kind.PV: (gettext_lazy("resting"), gettext_lazy("producing"), gettext_lazy("resting")),
    Kind.BATTERY: (gettext_lazy("charging"), gettext_lazy("discharging"), gettext_lazy("resting")),
    Kind.METER: (gettext_lazy("importing"), gettext_lazy("exporting"), gettext_lazy("nothing to or from the grid")),
}
# The flows of a kind, as in `Bucket`: the name of each, whether it is energy that goes in.
FLOWS = {
    Kind.PV: ((gettext_lazy("produced"), False),),
    Kind.BATTERY: ((gettext_lazy("charged"), True), (gettext_lazy("discharged"), False)),
    Kind.METER: ((gettext_lazy("imported"), True), (gettext_lazy("exported"), False)),
}


@dataclass(frozen=True)
class Now:
    """The newest reading of a DER in words; `power_kw` is positive, None where only something else is known."""

    der: Der
    kind: str
    doing: str
    power_kw: Decimal | None
    percent: int | None
    age: str
    stale: bool
    quality: str


@dataclass(frozen=True)
class Flow:
    """Energy one way over some time; None where nothing is known."""

    name: str
    energy_kwh: Decimal | None


@dataclass(frozen=True)
class Period:
    """A day or month of a DER: its sums, and its buckets for the table."""

    der: Der
    kind: str
    flows: Sequence[Flow]
    rows: Sequence[tuple[Bucket, Sequence[Flow]]]


@dataclass(frozen=True)
class Points:
    """How many points of a DER SEN has of today, and whether that is enough for rewards."""

    der: Der
    kind: str
    count: int
    produced: bool
    met: bool


def now_of(der: Der, now: datetime) -> Now | None:
    """Return what a DER does now by its newest reading; None before the first."""
    if der.last_reading_at is None:
        return None
    reading = Reading.objects.filter(der=der, ts=der.last_reading_at).first()
    if reading is None:
        return None
    power = _power_w(reading)
    if power is not None and abs(power) < _IDLE_W:
        power = 0
    into, out, idle = _DOING[Kind(der.kind)]
    words = into if power and power > 0 else out if power else idle
    return Now(
        der=der, kind=str(KINDS[Kind(der.kind)]), doing=str(words), age=timesince(reading.ts, now, depth=1),
        power_kw=None if power is None else _kilo(abs(power)),
        percent=None if reading.soc is None else round(100 * reading.soc),
        stale=now - reading.ts > max(_STALE, 3 * vendors.adapter_class(der.system.connection.vendor).policy.interval),
        quality=_told(reading.quality),
    )  # fmt: skip


def name_of(der: Der) -> str:
    """Return what a person calls a DER."""
    return f"{KINDS[Kind(der.kind)]} · {der.name or der.make or der.sn}"


def day_of(der: Der, day: date) -> Period:
    """Return a day of a DER, hour by hour."""
    return _period(der, day, day + timedelta(days=1), Step.HOUR)


def month_of(der: Der, month: date) -> Period:
    """Return a month of a DER, day by day; `month` is any day of it."""
    first = month.replace(day=1)
    return _period(der, first, next_month(first), Step.DAY)


def next_month(day: date) -> date:
    """Return the first day of the month after."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def flows_of(der: Der, buckets: Sequence[Bucket]) -> list[Flow]:
    """Return the sums of buckets, a flow each way that this kind of DER has."""
    found = []
    for name, inwards in FLOWS[Kind(der.kind)]:
        known = [b.energy_in_wh if inwards else b.energy_out_wh for b in buckets]
        energies = [energy for energy in known if energy is not None]
        found.append(Flow(str(name), _kilo(sum(energies, Decimal(0))) if energies else None))
    return found


def points_of(system: System, queue: GatewayQueue | None, now: datetime) -> list[Points]:
    """Return for each DER how many points of today SEN has.

    A point is a DER at one time. SEN has those that were read since the owner agreed and that neither wait nor are
    held; who agrees anew counts from then on, which may be too few and never too many.
    """
    zone = my_homes.zone_of(system)
    since = statistics.midnight(now.astimezone(zone).date(), zone)
    undelivered = _undelivered(queue, since)
    readings = Reading.objects.filter(ts__gte=since)
    agreed = system.connection.consents.filter(purpose="rewards", ended_at=None).order_by("given_at").last()
    if agreed:
        readings = readings.filter(received_at__gte=agreed.given_at)
    return [
        _points(der, readings.filter(der=der), undelivered.get(der.pk, 0), sent=system.sends)
        for der in my_homes.ders_of(system)
    ]


def _points(der: Der, readings: QuerySet[Reading], undelivered: int, *, sent: bool) -> Points:
    count = max(readings.count() - undelivered, 0) if sent else 0
    # SEN counts a day of solar only if it produced anything.
    produced = der.kind != Kind.PV or readings.filter(Q(power_w__lt=0) | Q(energy_out_wh__gt=0)).exists()
    return Points(der, str(KINDS[Kind(der.kind)]), count, produced, met=count >= DAILY_POINTS and produced)


def _undelivered(queue: GatewayQueue | None, since: datetime) -> dict[int, int]:
    if queue is None:
        return {}
    # The database keeps an index of just those.
    states = (Message.State.WAITING, Message.State.HELD)
    found: dict[int, int] = {}
    for state in states:
        rows = Message.objects.filter(gateway=queue.pk, state=state, last_ts__gte=since).order_by().values_list("der")
        for der, points in rows.annotate(sum=Sum("points")):
            found[der] = found.get(der, 0) + points
    return found


def _period(der: Der, first: date, following: date, step: Step) -> Period:
    zone = my_homes.zone_of(der.system)
    start, end = statistics.midnight(first, zone), statistics.midnight(following, zone)
    found = statistics.buckets(der, start, end, step, zone)
    rows = [(bucket, flows_of(der, [bucket])) for bucket in found if bucket.readings]
    return Period(der, name_of(der), flows_of(der, found), rows)


def _power_w(reading: Reading) -> float | None:
    if reading.power_w is not None or not reading.interval_s:
        return reading.power_w
    if reading.energy_in_wh is None and reading.energy_out_wh is None:
        return None
    net = (reading.energy_in_wh or 0) - (reading.energy_out_wh or 0)
    return float(net) * 3600 / reading.interval_s


def _kilo(value: float | Decimal) -> Decimal:
    """Return thousands with one decimal, with two below one, and a plain 0."""
    kilo = Decimal(str(value)) / 1000
    return round(kilo, 1 if kilo >= 1 else 2) or Decimal(0)


def _told(quality: str) -> str:
    told = {Quality.ESTIMATED: _("estimated"), Quality.SUSPECT: _("looks wrong")}
    return told.get(Quality(quality), "")
