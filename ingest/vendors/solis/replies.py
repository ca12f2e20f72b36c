"""What replies of Solis Cloud hold: their shapes, and single values with the vendor's units and nulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from ingest.readings import ReadingInvalid
from ingest.vendors.errors import VendorReplyInvalid
from ingest.vendors.http import redact

Record = Mapping[str, Any]

_ABSENT = (None, "", "--", "null")
_UNITS = {
    "W": 1, "kW": 1000, "MW": 10**6, "GW": 10**9,
    "Wh": 1, "kWh": 1000, "MWh": 10**6, "GWh": 10**9,
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """How a resource holds its records: in a page, alone or as rows; and where those differ from each other."""

    container: str
    samples: bool = True
    time: str = "dataTimestamp"
    pv: str = "pac"
    bare: str = "kW"
    """unit of a power that comes without one"""


SHAPES = {
    "userStationList": Shape("page", samples=False),
    "stationDetailList": Shape("page", samples=False),
    "inverterList": Shape("page"),
    "inverterDetailList": Shape("page"),
    "inverterDetail": Shape("object"),
    # Rows have "pSum": -48.0 beside "pac": 74.000, "pacStr": "kW", "pacPec": "0.001"; both are watts.
    "inverterDay": Shape("rows", bare="W"),
    "stationDay": Shape("rows", time="time", pv="power", bare="W"),
}


# --- the reply -------------------------------------------------------------------------------------------------------


def records(resource: str, reply: Any) -> Sequence[Record]:
    """Return the records of a reply, whole or only its `data`; raises VendorReplyInvalid for another shape."""
    data = _data(reply)
    container = SHAPES[resource].container
    if container == "object":
        found: Any = [data] if isinstance(data, dict) and data.keys() & {"id", "sn"} else None
    elif container == "page":
        found = _page(data).get("records")
    else:
        # A good reply without rows says []; null in its place would mean no more.
        found = [] if data is None and reply is not None else data
    if not isinstance(found, list) or not all(isinstance(record, dict) and record for record in found):
        missing(f"the records of {resource}", reply)
    return found


def pages(resource: str, reply: Any) -> int:
    """Return how many pages a paged list has; an empty account has 0."""
    count = _page(_data(reply)).get("pages")
    return count if isinstance(count, int) else missing(f"the number of pages of {resource}", reply)


def missing(what: str, reply: Any) -> NoReturn:
    msg = f"{what} not found in {redact(repr(reply))[:100]}"
    raise VendorReplyInvalid(msg)


def _data(reply: Any) -> Any:
    if not isinstance(reply, dict) or "code" not in reply or "data" not in reply:
        return reply
    if str(reply["code"]) != "0":
        msg = f"a refusal: code {reply['code']}: {redact(str(reply.get('msg')))[:100]}"
        raise VendorReplyInvalid(msg)
    return reply["data"]


def _page(data: Any) -> Record:
    # Some lists say {"page": {"records": …}}, others {"records": …}.
    page = data.get("page", data) if isinstance(data, dict) else None
    return page if isinstance(page, dict) else missing("a page", data)


# --- one value -------------------------------------------------------------------------------------------------------


def text(record: Record, key: str) -> str:
    """Return a value as text, "" if there is none. Ids have 19 digits and come quoted or not."""
    value = record.get(key)
    return "" if value in _ABSENT else str(value).strip()


def number(record: Record, *keys: str) -> Decimal | None:
    """Return the value of the first key that has one; raises ReadingInvalid if that is no finite number."""
    for key in keys:
        value = record.get(key)
        if value in _ABSENT:
            continue
        try:
            parsed = Decimal(str(value))
        except InvalidOperation as error:
            msg = f"{key} is {value!r}"
            raise ReadingInvalid(msg) from error
        if not parsed.is_finite():
            msg = f"{key} is {value!r}"
            raise ReadingInvalid(msg)
        return parsed
    return None


def measured(record: Record, *keys: str, bare: str) -> Decimal | None:
    """Return the first value there is in W or Wh by the unit rule, in the unit `bare` if it comes without one."""
    for key in keys:
        value = number(record, key)
        if value is not None:
            unit = unit_of(record, key) or bare
            if unit not in _UNITS:
                msg = f"the unit of {key} is {unit!r}"
                raise ReadingInvalid(msg)
            scale = number(record, f"{key}Pec")
            return value * _UNITS[unit] * (1 if scale is None else scale)
    return None


def instant(record: Record, key: str) -> datetime:
    """Return the sample's time: a true UTC epoch in ms (the document says UTC+8). Raises ReadingInvalid.

    Strings such as "2023-06-26 22:19:33 (UTC-9:00)" follow daylight saving while their label does not.
    """
    epoch = number(record, key)
    if epoch is None:
        msg = f"no {key}"
        raise ReadingInvalid(msg)
    try:
        return datetime.fromtimestamp(float(epoch / 1000), UTC)
    except (OverflowError, OSError, ValueError) as error:
        msg = f"{key} is {epoch}"
        raise ReadingInvalid(msg) from error


def unit_of(record: Record, key: str) -> str:
    return text(record, f"{key}Str") or text(record, f"{key}Unit")
