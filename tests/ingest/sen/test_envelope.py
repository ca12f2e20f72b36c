from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateways import vault
from gateways.vault.signers import import_key
from ingest.readings import Kind, Reading
from ingest.sen import envelope

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
NOON_MS = 1781524800000
# The public test key and the data JWT made with it (sen.md 15).
K1 = "4cc43b88635b9eaf81655ed51e062fab4a46296d72f01fc6fd853b08f0c2383a"
K1_TOKEN = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImRldmljZSI6ImFjbWUtMDAwMDAwMDAwMDAwMDAwMSIsIm9wciI6InByb2R1Y3Rpb24i"
    "LCJtb2RlbCI6InN1bmdyb3ciLCJkdHlwZSI6Im1vZGJ1c19yZWdpc3RlcnMiLCJzbiI6IlNOMDAwMSJ9.eyIxNzUwODQwNDIwMzY5Ijp7"
    "IjUwMTYiOjI1MDAsIjUwMTciOjAsIjUwMzUiOjUwMCwiMTMwMjEiOjAsIjEzMDMzIjoyNDAwLCIxMzAzNCI6MH0sIjE3NTA4NDA0MzAz"
    "NjkiOnsiNTAxNiI6MjUxMCwiNTAxNyI6MCwiNTAzNSI6NTAwLCIxMzAyMSI6MCwiMTMwMzMiOjI0MTAsIjEzMDM0IjowfX0.O81mBPhi"
    "nuozco8Pv9vbgIVsBDifxGUiH6lUTCmdiruO8g64iUo2B76qk8Sk-GlTQZdor6gw7lyKaf_wFglpyA"
)
K1_PAYLOAD = (
    '{"1750840420369":{"5016":2500,"5017":0,"5035":500,"13021":0,"13033":2400,"13034":0},'
    '"1750840430369":{"5016":2510,"5017":0,"5035":500,"13021":0,"13033":2410,"13034":0}}'
)


def signer_of(key: tuple[str, str]) -> vault.Signer:
    public_key, uri = key
    return vault.signer_for(uri, public_key)


def encoded(payload: str, *, sn: str = "SN0001", signer: vault.Signer | None = None) -> bytes:
    return envelope.encode(
        device="acme-0000000000000001",
        operation="testing",
        model="partner_cloud",
        dtype="json",
        sn=sn,
        payload=payload,
        signer=signer or signer_of(vault.create_key()),
    )


def public_key_of(signer: vault.Signer) -> ec.EllipticCurvePublicKey:
    x, y = int(signer.public_key[:64], 16), int(signer.public_key[64:], 16)
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def points(kind: Kind, *readings: Reading, make: str = "") -> list[tuple[Reading, dict[str, object]]]:
    made = [(reading, envelope.der_object(kind, reading, make=make)) for reading in readings]
    return [(reading, point) for reading, point in made if point]


def minutes(count: int) -> list[Reading]:
    return [Reading(ts=NOON + timedelta(minutes=number), power_w=-float(number)) for number in range(count)]


def test_a_token_is_byte_for_byte_the_published_one():
    token = envelope.encode(
        device="acme-0000000000000001",
        operation="production",
        model="sungrow",
        dtype="modbus_registers",
        sn="SN0001",
        payload=K1_PAYLOAD,
        signer=signer_of(import_key(K1)),
    )
    assert token.decode().rpartition(".")[0] == K1_TOKEN.rpartition(".")[0]
    assert token.decode() == K1_TOKEN  # signatures are deterministic


def test_the_header_has_its_fields_in_the_order_of_the_firmware():
    header = encoded("{}").split(b".")[0]
    fields = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    assert list(fields) == ["alg", "typ", "device", "opr", "model", "dtype", "sn"]
    assert list(fields.values()) == [
        "ES256",
        "JWT",
        "acme-0000000000000001",
        "testing",
        "partner_cloud",
        "json",
        "SN0001",
    ]


@pytest.mark.parametrize("sn", ["SN0001", 'we"ird\\', "Zähler-1", "x" * 100])
def test_pyjwt_decodes_every_token_with_the_public_key(sn):
    signer = signer_of(vault.create_key())
    ((_, payload),) = envelope.payloads(points(Kind.PV, *minutes(3), make="Söl"))
    token = encoded(payload, sn=sn, signer=signer)
    assert b"=" not in token
    decoded = jwt.decode_complete(token, public_key_of(signer), algorithms=["ES256"])
    assert decoded["payload"] == json.loads(payload)
    assert decoded["header"]["sn"] == sn
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, public_key_of(signer_of(vault.create_key())), algorithms=["ES256"])


def test_payload_keys_are_unix_milliseconds_oldest_first():
    ((part, payload),) = envelope.payloads(points(Kind.PV, *minutes(3)))
    assert list(json.loads(payload)) == [str(NOON_MS), str(NOON_MS + 60_000), str(NOON_MS + 120_000)]
    assert [reading.ts for reading in part] == [reading.ts for reading in minutes(3)]


def test_a_payload_holds_at_most_60_points():
    parts = list(envelope.payloads(points(Kind.PV, *minutes(121))))
    assert [len(part) for part, _ in parts] == [60, 60, 1]
    assert sum(len(json.loads(payload)) for _, payload in parts) == 121


def test_a_token_stays_within_64_kib_also_when_letters_take_several_bytes():
    make = "電" * 400  # 1200 bytes in UTF-8
    parts = list(envelope.payloads(points(Kind.METER, *minutes(60), make=make)))
    assert [len(part) for part, _ in parts] == [30, 30]
    assert max(len(encoded(payload, sn="x" * 100)) for _, payload in parts) <= 64 * 1024


def test_pv_has_power_total_temperature_and_rated_power():
    reading = Reading(ts=NOON, power_w=-1499.6, total_out_wh=Decimal("15000.4"), temperature_c=31.5, voltage_v=400.0)
    assert envelope.der_object(Kind.PV, reading, make="Deye", rated_power_w=3000.0) == {
        "type": "pv", "make": "Deye", "timestamp": NOON_MS, "W": -1500, "total_generation_Wh": 15000,
        "heatsink_C": 31.5, "rated_power_W": 3000,
    }  # fmt: skip


def test_battery_has_charge_level_current_voltage_and_totals():
    reading = Reading(
        ts=NOON, power_w=500, current_a=10.5, voltage_v=48.2, soc=0.75, temperature_c=25.0,
        total_in_wh=Decimal(8000), total_out_wh=Decimal(7200),
    )  # fmt: skip
    assert envelope.der_object(Kind.BATTERY, reading) == {
        "type": "battery", "timestamp": NOON_MS, "W": 500, "A": 10.5, "V": 48.2, "SoC_nom_fract": 0.75,
        "heatsink_C": 25.0, "total_charge_Wh": 8000, "total_discharge_Wh": 7200,
    }  # fmt: skip


def test_meter_has_frequency_and_totals_of_both_directions():
    reading = Reading(
        ts=NOON, power_w=-1200, frequency_hz=50.0, total_in_wh=Decimal(25000), total_out_wh=Decimal(18000)
    )
    assert envelope.der_object(Kind.METER, reading, rated_power_w=9.0) == {
        "type": "meter", "timestamp": NOON_MS, "W": -1200, "Hz": 50.0, "total_import_Wh": 25000,
        "total_export_Wh": 18000,
    }  # fmt: skip


def test_power_is_a_whole_number_and_what_is_unknown_is_left_out():
    point = envelope.der_object(Kind.METER, Reading(ts=NOON, power_w=0.4))
    assert point == {"type": "meter", "timestamp": NOON_MS, "W": 0}
    assert isinstance(point["W"], int)


@pytest.mark.parametrize(
    "kind, energy, watts",
    [
        (Kind.PV, {"energy_out_wh": Decimal(250)}, -1000),
        (Kind.BATTERY, {"energy_in_wh": Decimal(100), "energy_out_wh": Decimal(25)}, 300),
        (Kind.METER, {"energy_in_wh": Decimal(0)}, 0),
    ],
)
def test_energy_without_power_is_sent_as_its_average(kind, energy, watts):
    point = envelope.der_object(kind, Reading(ts=NOON, interval_s=900, **energy))
    assert point is not None
    assert point["W"] == watts


def test_power_that_is_known_goes_before_the_average_of_the_energy():
    point = envelope.der_object(Kind.PV, Reading(ts=NOON, interval_s=900, power_w=-7, energy_out_wh=Decimal(250)))
    assert point is not None
    assert point["W"] == -7


def test_what_an_inverter_draws_at_night_is_no_negative_production():
    point = envelope.der_object(Kind.PV, Reading(ts=NOON, power_w=4.0))
    assert point is not None
    assert point["W"] == 0


@pytest.mark.parametrize(
    "kind, values",
    [
        (Kind.PV, {"voltage_v": 230.0}),
        (Kind.METER, {"temperature_c": 20.0}),
        (Kind.PV, {"energy_out_wh": Decimal(5)}),  # of no interval: no power either
    ],
)
def test_a_reading_with_nothing_that_sen_has_a_place_for_makes_no_point(kind, values):
    assert envelope.der_object(kind, Reading(ts=NOON, **values), make="Deye", rated_power_w=1.0) is None
