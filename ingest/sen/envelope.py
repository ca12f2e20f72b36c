"""The JWT that carries readings: header, payload, signature (sen.md 3 and 5).

This is the push path, so the token is put together by hand: the encoded header is cached, the payload is encoded once
when it enters the outbox, the signature is r‖s. The tests decode every form with PyJWT.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import orjson

from gateways.jwks import base64url
from gateways.vault import Signer
from ingest.readings import Kind, Reading

MAX_POINTS = 60
MAX_PAYLOAD_BYTES = 63 * 1024 * 3 // 4  # base64 makes 63 KiB of it, header and signature stay well below the 64th
FIELDS = {
    Kind.PV: (("total_generation_Wh", "total_out_wh"), ("heatsink_C", "temperature_c")),
    Kind.BATTERY: (
        ("A", "current_a"),
        ("V", "voltage_v"),
        ("SoC_nom_fract", "soc"),
        ("heatsink_C", "temperature_c"),
        ("total_charge_Wh", "total_in_wh"),
        ("total_discharge_Wh", "total_out_wh"),
    ),
    Kind.METER: (("Hz", "frequency_hz"), ("total_import_Wh", "total_in_wh"), ("total_export_Wh", "total_out_wh")),
}


def der_object(
    kind: Kind, reading: Reading, *, make: str = "", rated_power_w: float | None = None
) -> dict[str, Any] | None:
    """Return SEN's DER object of a reading, or None when SEN's model has no place for any of its values.

    Values that are unknown are left out, never null or 0. Power that the vendor gives only as energy over the interval
    is sent as its average.
    """
    point: dict[str, Any] = {"type": str(kind)}
    if make:
        point["make"] = make
    point["timestamp"] = milliseconds(reading)
    known = len(point)
    power = reading.power_w
    if power is None:
        power = average_power(reading.interval_s, reading.energy_in_wh, reading.energy_out_wh)
    if power is not None:
        # At night an inverter draws a few watts; SEN's PV is never above 0, and would refuse the message.
        point["W"] = round(min(power, 0) if kind is Kind.PV else power)
    for name, attribute in FIELDS[kind]:
        value = getattr(reading, attribute)
        if value is not None:
            point[name] = round(value) if isinstance(value, Decimal) else value  # Wh
    if len(point) == known:
        return None
    if kind is Kind.PV and rated_power_w:
        point["rated_power_W"] = round(rated_power_w)
    return point


def milliseconds(reading: Reading) -> int:
    """Return the reading's time in Unix milliseconds."""
    return round(reading.ts.timestamp() * 1000)


def average_power(interval_s: int, into: Decimal | None, out: Decimal | None) -> float | None:
    """Return the average power (W) of energies (Wh) over an interval; None for a sample and where none is known."""
    if not interval_s or (into is None and out is None):
        return None
    return float((into or 0) - (out or 0)) * 3600 / interval_s


def payloads(points: Iterable[tuple[Reading, dict[str, Any]]]) -> Iterator[tuple[Sequence[Reading], str]]:
    """Yield payloads of one DER's points, given oldest first, each with its readings: at most 60 points and 64 KiB."""
    coming = iter(points)
    while part := list(itertools.islice(coming, MAX_POINTS)):
        yield from _split(part)


def encode(*, device: str, operation: str, model: str, dtype: str, sn: str, payload: str, signer: Signer) -> bytes:
    """Return the compact JWT. Raises VaultError if the signer cannot sign."""
    signed = _header(device, operation, model, dtype, sn) + b"." + base64url(payload.encode())
    return signed + b"." + base64url(signer.sign(signed))


@functools.lru_cache(maxsize=50_000)
def _header(device: str, operation: str, model: str, dtype: str, sn: str) -> bytes:
    fields = {
        "alg": "ES256",
        "typ": "JWT",
        "device": device,
        "opr": operation,
        "model": model,
        "dtype": dtype,
        "sn": sn,
    }
    return base64url(orjson.dumps(fields))


def _split(part: list[tuple[Reading, dict[str, Any]]]) -> Iterator[tuple[Sequence[Reading], str]]:
    payload = orjson.dumps({str(point["timestamp"]): point for _, point in part})
    if len(payload) <= MAX_PAYLOAD_BYTES or len(part) == 1:
        yield [reading for reading, _ in part], payload.decode()
        return
    half = len(part) // 2
    yield from _split(part[:half])
    yield from _split(part[half:])
