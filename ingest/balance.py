"""A home's energy balance: what its DERs together generated, stored, took from the grid and gave to it.

Energies are Wh, ≥ 0. A value that is not known of one of the DERs is not known of the home.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from ingest import sharing, statistics, telemetry
from ingest.models import Der, System
from ingest.readings import DerKey, Kind
from ingest.statistics import Bucket, Step


@dataclass(frozen=True, slots=True)
class Balance:
    """What is known of a home from `start` up to `end` (UTC); None for what it does not have or nobody knows."""

    start: datetime
    end: datetime
    complete: bool
    generation_wh: Decimal | None = None
    import_wh: Decimal | None = None
    export_wh: Decimal | None = None
    charge_wh: Decimal | None = None
    discharge_wh: Decimal | None = None
    consumption_wh: Decimal | None = None
    soc: float | None = None
    """mean of the batteries' last ones, 0 to 1"""


@dataclass(frozen=True, slots=True)
class Period:
    """What the DERs that a home shares did between the same edges: a sequence of buckets for each, oldest first."""

    ders: Sequence[Der]
    buckets: Sequence[Sequence[Bucket]]
    balances: Sequence[Balance]


def of_home(system: System, edges: Sequence[datetime], step: Step, kinds: Collection[str]) -> Period:
    """Return what the DERs of these kinds did between edges, which `statistics.edges_of` made.

    The home's connection is read as well.
    """
    rows = sharing.shared(Der.objects.filter(system=system))
    ders = list(rows.filter(kind__in=kinds).select_related("system").order_by("kind", "sn"))
    whole = set(Kind) <= set(kinds) and not system.connection.withheld_kinds
    buckets = [statistics.buckets(der, edges[0], edges[-1], step, system.zone) for der in ders]
    balances = []
    for place, (start, end) in enumerate(pairwise(edges)):
        parts = [(der, found[place]) for der, found in zip(ders, buckets, strict=True)]
        # One that the vendor no longer listed by then is missed by nobody.
        there = [(der, one) for der, one in parts if one.readings or der.gone_at is None or der.gone_at > start]
        balances.append(_balance(start, end, [(Kind(der.kind), one) for der, one in there], whole=whole))
    return Period(ders, buckets, balances)


def of_devices(found: Mapping[DerKey, Sequence[Bucket]], *, whole: bool) -> list[Balance]:
    """Return what devices of one site did, given the buckets of each between the same edges.

    `whole`: these are all of its devices.
    """
    kinds = [key.kind for key in found]
    return [
        _balance(parts[0].start, parts[0].end, list(zip(kinds, parts, strict=True)), whole=whole)
        for parts in zip(*found.values(), strict=True)
    ]


def _balance(start: datetime, end: datetime, parts: Sequence[tuple[Kind, Bucket]], *, whole: bool) -> Balance:
    """Put together one bucket of each device."""
    known: dict[str, list[Decimal | None]] = defaultdict(list)
    for kind, bucket in parts:
        for name, energy in telemetry.flows(kind, bucket).items():
            known[name].append(energy)
    sums = {name: _sum(energies) for name, energies in known.items()}
    return Balance(
        start, end, complete=bool(parts) and all(bucket.complete for _, bucket in parts), **sums,
        consumption_wh=_consumption(sums) if whole else None,
        soc=_mean([bucket.soc for kind, bucket in parts if kind is Kind.BATTERY]),
    )  # fmt: skip


def _sum(energies: Sequence[Decimal | None]) -> Decimal | None:
    found = [energy for energy in energies if energy is not None]
    return sum(found, Decimal(0)) if len(found) == len(energies) else None


def _mean(socs: Sequence[float | None]) -> float | None:
    found = [soc for soc in socs if soc is not None]
    return round(sum(found) / len(found), 6) if found and len(found) == len(socs) else None


def _consumption(sums: Mapping[str, Decimal | None]) -> Decimal | None:
    """Return what the home used itself; None without its meter, without a part of it, and where the parts disagree.

    Less than nothing means that a part is missing which nobody told us of, such as solar that is not connected.
    """
    known = {name: energy for name, energy in sums.items() if energy is not None}
    if len(known) < len(sums) or not {"import_wh", "export_wh"} <= known.keys():
        return None
    come = (known.get(name, Decimal(0)) for name in ("generation_wh", "import_wh", "discharge_wh"))
    gone = (known.get(name, Decimal(0)) for name in ("export_wh", "charge_wh"))
    used = sum(come, Decimal(0)) - sum(gone, Decimal(0))
    return used if used >= 0 else None
