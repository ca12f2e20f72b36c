"""What may stand under one timestamp of a payload, for each `dtype` (sen.md 3.2 and 5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_PHASES = {f"L{phase}_{unit}" for phase in (1, 2, 3) for unit in "VAW"}
_COMMON = {"type", "make", "timestamp", "read_time_ms"}
# The union of what the documentation, the gateway's firmware and the TypeScript types know.
_FIELDS = {
    "pv": {
        "W",
        "A",
        "rated_power_W",
        "HV_LV",
        "mppt1_V",
        "mppt1_A",
        "mppt2_V",
        "mppt2_A",
        "mppt",
        "mppts",
        "heatsink_C",
    }
    | {"total_generation_Wh", "lower_limit_W", "upper_limit_W"},
    "battery": {"W", "A", "V", "SoC_nom_fract", "SoH_fract", "temperature_C", "heatsink_C"}
    | {"total_charge_Wh", "total_discharge_Wh", "available_charge_Wh", "available_discharge_Wh"}
    | {"upper_limit_W", "lower_limit_W"},
    "meter": {"W", "Hz", "total_import_Wh", "total_export_Wh"} | _PHASES,
}
_NOT_NUMBERS = {"type", "make", "HV_LV", "mppt", "mppts"}
_SIGNS = {
    ("pv", "W"): (None, 0),
    ("battery", "upper_limit_W"): (0, None),
    ("battery", "lower_limit_W"): (None, 0),
}


def problem(dtype: str, ts: int, data: Any) -> str | None:
    """Say what is wrong with the object `data` under the timestamp `ts` (Unix ms), None if it is right."""
    if dtype not in _SHAPES:
        return f"dtype {dtype} is unknown; known are {', '.join(_SHAPES)}"
    if not isinstance(data, dict) or not data:
        return "a value is not an object with something in it"
    return _SHAPES[dtype](ts, data)


def _der(ts: int, data: dict[str, Any]) -> str | None:
    kind = data.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        return f"type must be one of {', '.join(_FIELDS)}"
    if data.get("timestamp") != ts or not isinstance(data["timestamp"], int):
        return "timestamp is not the integer of its key"
    if unknown := data.keys() - _COMMON - _FIELDS[kind]:
        return f"a {kind} has no {', '.join(sorted(unknown))}"
    if not data.keys() - _COMMON:
        return "there is no measured value in it"
    return next(filter(None, (_value(kind, name, value) for name, value in data.items())), None)


def _value(kind: str, name: str, value: Any) -> str | None:
    """Absent is left out: firmware never sends null, so SEN does not take it (sen.md 5)."""
    if name in _NOT_NUMBERS:
        return _other(name, value)
    if not _is_number(value):
        return f"{name} is not a number"
    lowest, highest = _range(kind, name)
    if (lowest is not None and value < lowest) or (highest is not None and value > highest):
        return f"{name} of a {kind} is out of range: {value}"
    return None


def _range(kind: str, name: str) -> tuple[int | None, int | None]:
    if name.endswith("_fract"):
        return 0, 1
    if name.endswith("_Wh") or name == "read_time_ms":
        return 0, None
    return _SIGNS.get((kind, name), (None, None))


def _other(name: str, value: Any) -> str | None:
    if name in ("mppt", "mppts"):
        right = isinstance(value, list) and all(map(_is_tracker, value))
        return None if right else f"{name} is not a list of {{V, A, W}}"
    right = isinstance(value, str) or (name == "HV_LV" and _is_number(value))
    return None if right else f"{name} is not a text"


def _is_tracker(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= {"V", "A", "W"} and all(map(_is_number, value.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_WORD = range(2**16)


def _registers(_: int, data: dict[str, Any]) -> str | None:
    for register, value in data.items():
        if not re.fullmatch(r"\d{1,5}", register) or int(register) not in _WORD:
            return f"{register} is no register number"
        if not _is_number(value) or not isinstance(value, int) or value not in _WORD:
            return f"register {register} is not a raw 16-bit value"
    return None


def _sunspec(_: int, data: dict[str, Any]) -> str | None:
    """Points with their scale factors, or (verbose) whole models, which are objects."""
    for name, value in data.items():
        if not _is_number(value) and not isinstance(value, dict):
            return f"{name} is neither a number nor a model"
        if name.endswith("_SF") and not isinstance(value, int):
            return f"the scale factor {name} is not an integer"
    return None


def _rest_api(_: int, data: dict[str, Any]) -> str | None:
    """Only Enphase's production.json has ever been seen under this dtype."""
    return None if data.keys() == {"production"} and isinstance(data["production"], dict) else "production is missing"


def _p1(_: int, data: dict[str, Any]) -> str | None:
    """Firmware differs: the telnet reader omits the checksum, Zap sends `DEAD` for it and no `!` row."""
    rows = data.get("rows")
    if not isinstance(data.get("serial_number"), str) or not isinstance(data.get("checksum", ""), str):
        return "serial_number and checksum are texts"
    if (
        not isinstance(rows, list)
        or not rows
        or not all(isinstance(row, str) and _P1_ROW.fullmatch(row) for row in rows)
    ):
        return "rows are not a list of OBIS lines"
    return None


_P1_ROW = re.compile(r"\d+-\d+:\d+\.\d+\.\d+\(.*\)|![0-9A-Fa-f]{4}")
_SHAPES: dict[str, Callable[[int, dict[str, Any]], str | None]] = {
    "json": _der,
    "modbus_registers": _registers,
    "sunspec_json": _sunspec,
    "rest_api_json": _rest_api,
    "p1_telnet_json": _p1,
}
