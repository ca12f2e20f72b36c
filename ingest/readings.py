"""The currency of the data plane: what every adapter speaks and all that leaves it.

Time is aware UTC. `ts` is the instant of a sample, or the END of an interval; `interval_s` is 0 for a sample.
Signs are SEN's everywhere in the project: plus flows into the site or load, minus flows out. PV power is ≤ 0, a
charging battery and imported grid power are > 0. `*_in_*` is import or charge, `*_out_*` export, discharge or
generation.
What the vendor does not give stays None; never a made-up zero.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(minutes=5)
MAX_SERIAL = 100
_LONGEST_INTERVAL_S = 366 * 86_400
_LIMIT = 10**12  # with 3 decimals, the 15 digits that SQLite keeps; a terawatt hour is no home


class ReadingInvalid(ValueError):
    """One record that cannot be true. It is counted, logged and dropped; it never sinks the batch."""


class Kind(enum.StrEnum):
    """The kinds of energy resource (DER)."""

    PV = "pv"
    BATTERY = "battery"
    METER = "meter"


class Quality(enum.StrEnum):
    """How a value came to be: `derived` was computed by us, `estimated` by the vendor."""

    MEASURED = "measured"
    DERIVED = "derived"
    ESTIMATED = "estimated"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class DerKey:
    """Which energy resource of a system: its kind and the serial SEN sees.

    The serial is unique in its system, whatever the kind: SEN tells points apart by gateway, serial and time. Raises
    ReadingInvalid for a serial that is empty, longer than 100 characters or not printable.
    """

    kind: Kind
    sn: str

    def __hash__(self) -> int:
        return hash(self.sn)  # the kind's runs in Python, and batches look keys up by the ten thousand

    def __post_init__(self) -> None:
        if not self.sn or len(self.sn) > MAX_SERIAL or not self.sn.isprintable():
            msg = f"not a serial: {self.sn[:MAX_SERIAL]!r}"
            raise ReadingInvalid(msg)


@dataclass(frozen=True, slots=True)
class Reading:
    """One DER at one instant or over one interval. Raises ReadingInvalid for what cannot be true.

    Power in W, energy in Wh over the interval, totals in Wh since ever, `soc` 0 to 1, then V, A, Hz and °C.
    """

    ts: datetime
    interval_s: int = 0
    power_w: float | None = None
    energy_in_wh: Decimal | None = None
    energy_out_wh: Decimal | None = None
    total_in_wh: Decimal | None = None
    total_out_wh: Decimal | None = None
    soc: float | None = None
    voltage_v: float | None = None
    current_a: float | None = None
    frequency_hz: float | None = None
    temperature_c: float | None = None
    quality: Quality = Quality.MEASURED

    def __post_init__(self) -> None:
        if self.ts.tzinfo is None:
            msg = f"time without a zone: {self.ts}"
            raise ReadingInvalid(msg)
        if self.ts.tzinfo is not UTC or self.ts.microsecond % 1000:
            # SEN knows milliseconds: two times that it would take for one are one here as well.
            at = self.ts.astimezone(UTC)
            object.__setattr__(self, "ts", at.replace(microsecond=at.microsecond // 1000 * 1000))
        if self.ts < EARLIEST:
            msg = f"time before 2000: {self.ts}"
            raise ReadingInvalid(msg)
        if not 0 <= self.interval_s <= _LONGEST_INTERVAL_S:
            msg = f"an interval of {self.interval_s} s"
            raise ReadingInvalid(msg)
        for name in VALUES:
            value = getattr(self, name)
            if value is not None:
                _check(name, value)
        if self.is_empty:
            msg = "no value at all"
            raise ReadingInvalid(msg)

    @property
    def is_empty(self) -> bool:
        return all(getattr(self, name) is None for name in VALUES)

    def check_not_ahead(self, now: datetime) -> None:
        """Raise ReadingInvalid if the reading is more than 5 minutes ahead of `now` (the collector's clock)."""
        if self.ts > now + MAX_AHEAD:
            msg = f"{self.ts.isoformat()} lies more than 5 minutes ahead"
            raise ReadingInvalid(msg)

    def as_dict(self) -> dict[str, Any]:
        """Return the values that are known, times in ISO 8601, for people and commands."""
        row: dict[str, Any] = {"ts": self.ts.isoformat().replace("+00:00", "Z"), "interval_s": self.interval_s}
        for name in VALUES:
            value = getattr(self, name)
            if value is not None:
                row[name] = float(value) if isinstance(value, Decimal) else value
        return {**row, "quality": str(self.quality)}


VALUES = tuple(f.name for f in fields(Reading) if f.name not in ("ts", "interval_s", "quality"))
_NEVER_NEGATIVE = frozenset({"energy_in_wh", "energy_out_wh", "total_in_wh", "total_out_wh"})


def _check(name: str, value: Any) -> None:
    """Raise ReadingInvalid for a value that cannot be true, so that neither database nor SEN has to choke on it."""
    if not math.isfinite(value):
        msg = f"{name} is not a finite number: {value}"
    elif abs(value) >= _LIMIT:
        msg = f"{name} is beyond belief: {value}"
    elif value < 0 and name in _NEVER_NEGATIVE:
        msg = f"{name} is negative: {value}"
    elif name == "soc" and not 0 <= value <= 1:
        msg = f"soc is outside 0 to 1: {value}"
    else:
        return
    raise ReadingInvalid(msg)
