"""What may stand under a timestamp, by dtype (sen.md 3.2 and 5); the examples are those of the documentation."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.sen.shapes import problem

TS = 1755701251122
PV = {
    "type": "pv", "make": "Deye", "timestamp": TS, "read_time_ms": 42, "W": -1500, "rated_power_W": 3000,
    "mppt1_V": 400, "mppt1_A": -3.75, "total_generation_Wh": 15000,
}  # fmt: skip
BATTERY = {
    "type": "battery", "timestamp": TS, "W": 500, "A": 10.5, "V": 48.2, "SoC_nom_fract": 0.75, "heatsink_C": 25,
    "total_charge_Wh": 8000, "total_discharge_Wh": 7200,
}  # fmt: skip
METER = {
    "type": "meter", "timestamp": TS, "W": 1200, "Hz": 50.0, "L1_V": 230, "L1_A": 5.2, "L1_W": 400,
    "total_import_Wh": 25000, "total_export_Wh": 18000,
}  # fmt: skip
P1 = {
    "serial_number": "LGF5E360",
    "rows": ["0-0:1.0.0(250212103510W)", "1-0:1.8.0(00010968.132*kWh)", "!0E78"],
    "checksum": "0E78",
}
SUNSPEC = {"Hz": 5001, "Hz_SF": -2, "W": 2400, "W_SF": 0, "DCW": 2500, "DCW_SF": 0}


@pytest.mark.parametrize(
    "dtype,data",
    [
        ("json", PV),
        ("json", BATTERY),
        ("json", METER),
        ("json", {**PV, "W": 0, "mppts": [{"V": 400, "A": -3.75}, {"W": -1500}]}),
        ("json", {**METER, "W": -5000.5}),
        ("json", {"type": "meter", "timestamp": TS, "total_import_Wh": 1}),
        ("modbus_registers", {"0": 0, "65535": 65535}),
        ("sunspec_json", SUNSPEC),
        ("sunspec_json", {"inverter": {"W": 2400, "St": None}}),
        ("rest_api_json", {"production": {"production": [], "consumption": []}}),
        ("p1_telnet_json", P1),
        ("p1_telnet_json", {"serial_number": "zap", "rows": ["1-0:1.7.0(0000.253000*kW)"], "checksum": "DEAD"}),
        ("p1_telnet_json", {"serial_number": "1", "rows": ["1-0:1.7.0(0000.253*kW)"]}),
    ],
)
def test_published_forms_are_right(dtype: str, data: dict[str, Any]) -> None:
    assert problem(dtype, TS, data) is None


@pytest.mark.parametrize(
    "data,says",
    [
        ({**PV, "type": "solar"}, "type must be one of"),
        ({**PV, "type": None}, "type must be one of"),
        ({**PV, "type": ["pv"]}, "type must be one of"),
        ({**PV, "timestamp": TS + 1}, "timestamp"),
        ({**PV, "timestamp": float(TS)}, "timestamp"),
        ({**PV, "timestamp": str(TS)}, "timestamp"),
        ({"type": "pv", "W": -1}, "timestamp"),
        ({"type": "pv", "timestamp": TS}, "no measured value"),
        ({"type": "pv", "timestamp": TS, "make": "Deye", "read_time_ms": 1}, "no measured value"),
        ({**PV, "W": 1}, "W of a pv is out of range"),
        ({**PV, "W": None}, "W is not a number"),
        ({**PV, "W": "-1500"}, "W is not a number"),
        ({**PV, "W": True}, "W is not a number"),
        ({**PV, "rated_power": 3000}, "a pv has no rated_power"),
        ({**PV, "SoC_nom_fract": 0.5}, "a pv has no SoC_nom_fract"),
        ({**PV, "total_generation_Wh": -1}, "total_generation_Wh of a pv is out of range"),
        ({**PV, "make": None}, "make is not a text"),
        ({**PV, "mppts": [{"V": None}]}, "mppts is not a list"),
        ({**BATTERY, "SoC_nom_fract": 75}, "SoC_nom_fract of a battery is out of range"),
        ({**BATTERY, "SoC_nom_fract": -0.01}, "SoC_nom_fract of a battery is out of range"),
        ({**BATTERY, "SoH_fract": 1.01}, "SoH_fract of a battery is out of range"),
        ({**BATTERY, "upper_limit_W": -1}, "upper_limit_W of a battery is out of range"),
        ({**BATTERY, "lower_limit_W": 1}, "lower_limit_W of a battery is out of range"),
        ({**METER, "total_export_Wh": -1}, "total_export_Wh of a meter is out of range"),
        ({**METER, "L4_V": 230}, "a meter has no L4_V"),
        ([], "not an object"),
        ({}, "not an object"),
        (None, "not an object"),
        (7, "not an object"),
    ],
)
def test_a_der_object_that_is_not_as_documented_is_refused(data: Any, says: str) -> None:
    assert says in (problem("json", TS, data) or "")


@pytest.mark.parametrize(
    "dtype,data",
    [
        ("undefined", PV),
        ("JSON", PV),
        ("modbus_registers", {"65536": 1}),
        ("modbus_registers", {"5016": 65536}),
        ("modbus_registers", {"5016": -1}),
        ("modbus_registers", {"5016": 1.0}),
        ("modbus_registers", {"5016": True}),
        ("modbus_registers", {"5016": None}),
        ("modbus_registers", {"W": 1}),
        ("sunspec_json", {**SUNSPEC, "W": None}),
        ("sunspec_json", {**SUNSPEC, "W_SF": 0.5}),
        ("rest_api_json", {"consumption": {}}),
        ("rest_api_json", {"production": None}),
        ("p1_telnet_json", {**P1, "rows": []}),
        ("p1_telnet_json", {**P1, "rows": ["hello"]}),
        ("p1_telnet_json", {**P1, "rows": "1-0:1.7.0(0000.253*kW)"}),
        ("p1_telnet_json", {**P1, "serial_number": 5}),
        ("p1_telnet_json", {**P1, "checksum": None}),
    ],
)
def test_other_dtypes_are_refused_too_where_they_are_not_as_seen(dtype: str, data: dict[str, Any]) -> None:
    assert problem(dtype, TS, data)
