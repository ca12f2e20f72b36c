"""The home page: what a homeowner's home does now, did today and this month, and what of it went to SEN."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from gateways import maps
from gateways.models import Gateway
from ingest import statistics
from ingest.models import Connection, Der, GatewayQueue, System
from ingest.readings import Kind
from ingest.statistics import Bucket, Step
from onboarding import home_figures, my_homes
from onboarding.models import JoinPage
from onboarding.views import branding


@login_required
@never_cache
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the homeowner's home, the list of them if there are several, or how to get one."""
    user = user_of(request)
    homes = list(my_homes.gateways_of(user))
    if len(homes) == 1:
        return _show(request, homes[0])
    systems = [my_homes.system_of(gateway) for gateway in homes]
    shown = [(gateway, system, _nows(system)) for gateway, system in zip(homes, systems, strict=True)]
    zone = my_homes.zone_of(shown[0][1] if shown else None)
    waiting = any(not nows for _, _, nows in shown)
    return render(request, "home/list.html", {"homes": shown, "waiting": waiting, "zone": zone.key, **_notices(user)})


@login_required
@never_cache
@require_GET
def one_home(request: HttpRequest, serial: str) -> HttpResponse:
    return _show(request, own_home(request, serial))


@login_required
@never_cache
@require_GET
def chart(request: HttpRequest, serial: str, der: int) -> JsonResponse:
    """Return the figures of a chart: a day in quarters of an hour, in kW, or a month in days, in kWh."""
    found = get_object_or_404(Der.objects.select_related("system"), pk=der, system__gateway=own_home(request, serial))
    zone = my_homes.zone_of(found.system)
    today = timezone.now().astimezone(zone).date()
    if "month" in request.GET:
        first = _month(request.GET["month"], today)
        following = home_figures.next_month(first)
        step = Step.DAY
    else:
        first = _day(request.GET.get("day", ""), today)
        following = first + timedelta(days=1)
        step = Step.QUARTER
    edges = statistics.midnight(first, zone), statistics.midnight(following, zone)
    return JsonResponse(_figures(found, statistics.buckets(found, *edges, step, zone), step, zone))


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101  login_required looked
    return request.user


def own_home(request: HttpRequest, serial: str) -> Gateway:
    """Return the user's own home; raise Http404 for anybody else's."""
    return get_object_or_404(my_homes.gateways_of(user_of(request)), serial=serial)


def _show(request: HttpRequest, gateway: Gateway) -> HttpResponse:
    now = timezone.now()
    if page := JoinPage.objects.select_related("partner").filter(partner=gateway.partner_id).first():
        branding.remember(request, page)
    system = my_homes.system_of(gateway)
    queue = GatewayQueue.objects.filter(pk=gateway.pk).first()
    zone = my_homes.zone_of(system)
    stages = my_homes.stages_of(gateway, system, queue)
    context = {
        "gateway": gateway,
        "partner": gateway.partner,
        "system": system,
        "queue": queue,
        "held": my_homes.held_of(gateway),
        "zone": zone,
        "stages": stages,
        "under_way": not all(stage.done for stage in stages),
        "why_not_sent": my_homes.why_not_sent(gateway, system, queue),
        "points_needed": home_figures.DAILY_POINTS,
        "several": my_homes.gateways_of(user_of(request)).count() > 1,
        "final": gateway.status not in {Gateway.Status.CREATED, Gateway.Status.REGISTERED},
        **maps.context(),
        **_notices(user_of(request)),
    }
    if system is not None:
        connection = _own_connection(request, system)
        context |= {
            "connection": connection,
            "refused": my_homes.part_names(connection) if connection else [],
            "nows": _nows(system),
            "points": home_figures.points_of(system, queue, now),
            **_periods(request, system, now.astimezone(zone).date()),
        }
    return render(request, "home/home.html", context)


def _periods(request: HttpRequest, system: System, today: date) -> dict[str, Any]:
    """Return the day and the month that are looked at, with the addresses of those before and after."""
    day, month = _day(request.GET.get("day", ""), today), _month(request.GET.get("month", ""), today)
    ders, following = my_homes.ders_of(system), home_figures.next_month(month)
    one_day = timedelta(days=1)
    return {
        "today": today,
        "day": day,
        "day_asked": f"day={day}",
        "day_before": _address(day - one_day, month),
        "day_after": _address(day + one_day, month) if day < today else "",
        "days": [home_figures.day_of(der, day) for der in ders],
        "month": month,
        "month_asked": f"month={month:%Y-%m}",
        "month_before": _address(day, month - one_day),
        "month_after": _address(day, following) if following <= today else "",
        "months": [home_figures.month_of(der, month) for der in ders],
    }


def _address(day: date, month: date) -> str:
    return f"?day={day}&month={month:%Y-%m}"


def _nows(system: System | None) -> list[home_figures.Now]:
    now = timezone.now()
    found = [home_figures.now_of(der, now) for der in my_homes.ders_of(system)] if system else []
    return [one for one in found if one]


def _notices(user: User) -> dict[str, Any]:
    """Return what waits for the homeowner: accounts that need them, journeys that they have not finished."""
    lost = my_homes.connections_of(user).filter(status=Connection.Status.NEEDS_RECONNECT)
    return {"troubled": lost, "journeys": my_homes.open_journeys_of(user)}


def _own_connection(request: HttpRequest, system: System) -> Connection | None:
    """Return the account that a home is read with, if it is this user's to look after."""
    return my_homes.connections_of(user_of(request)).filter(pk=system.connection_id).first()


def _day(text: str, today: date) -> date:
    """Return the day that an address asks for, today if it asks for none that has been."""
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        return today
    return asked if date(2000, 1, 2) <= asked <= today else today


def _month(text: str, today: date) -> date:
    return _day(f"{text}-01", today).replace(day=1)


def _figures(der: Der, buckets: list[Bucket], step: Step, zone: ZoneInfo) -> dict[str, Any]:
    """Return the chart's JSON (docs/front-end.md): a series each way that the DER's energy flows, all positive."""
    lines = step is Step.QUARTER
    series = [
        {
            "label": str(name),
            "values": [
                _kilowatts(b, inwards=inwards) if lines else _kilowatt_hours(b, inwards=inwards) for b in buckets
            ],
        }
        for name, inwards in home_figures.FLOWS[Kind(der.kind)]
    ]
    return {
        "kind": "lines" if lines else "bars",
        "timezone": zone.key,
        "unit": "kW" if lines else "kWh",
        "times": [_epoch(bucket.start) for bucket in buckets],
        "series": series,
    }


def _kilowatts(bucket: Bucket, *, inwards: bool) -> float | None:
    if bucket.power_w is None:
        return None
    return round(max(bucket.power_w if inwards else -bucket.power_w, 0) / 1000, 3)


def _kilowatt_hours(bucket: Bucket, *, inwards: bool) -> float | None:
    energy = bucket.energy_in_wh if inwards else bucket.energy_out_wh
    return None if energy is None else round(float(energy) / 1000, 3)


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())
