"""A gateway's position, set by a message its owner's wallet has signed (sen.md 9, 10 and 13).

SEN's own form is not public. The stand-in takes the documented signed message with the properties
`Gateways: id, id` and `Position: latitude, longitude`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.sen import crypto
from sandbox.sen.refusal import Refused
from sandbox.sen.registry import Registry
from sandbox.server import World

_FORM = re.compile(
    r"\S+ wants you to sign data(?: with your Ed25519 key)?:\n(?P<wallet>\w+)\n\n(?s:.*)\n\n(?P<properties>.+(?:\n.+)*)"
)
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
MOST = 90, 180  # degrees north or south, east or west
LONGEST = timedelta(days=365)
CLOCKS_DIFFER_BY = timedelta(minutes=5)


def locate(world: World, registry: Registry, gateway: str, message: str, signature: str) -> None:
    """Set the position of a gateway, decimal degrees WGS84.

    Raises Refused: 404 unknown gateway, 400 form, time or position, 401 signature, 403 not the owner, 409 no owner yet.
    """
    owner = registry.require(gateway)["wallet"]
    wallet, properties = _read(message)
    latitude, longitude = _position(properties.get("Position", ""))
    _check_time(properties, world.clock.now())
    if gateway not in properties.get("Gateways", "").split(", "):
        raise Refused(400, f"the message is not about {gateway}")
    if not crypto.wallet_signed(wallet, signature, message):
        raise Refused(401, "the signature is not by the wallet that the message names")
    if owner is None:
        raise Refused(409, "the gateway has no owner yet: initialize it first")
    if owner != wallet:
        raise Refused(403, "the gateway belongs to another wallet")
    world.state.run("UPDATE sen_gateways SET latitude = ?, longitude = ? WHERE id = ?", [latitude, longitude, gateway])


def _read(message: str) -> tuple[str, dict[str, str]]:
    """Return the wallet and the properties: first line, wallet, blank, reason, blank, properties."""
    form = _FORM.fullmatch(message)
    if form is None:
        raise Refused(400, "the message is not of the form '… wants you to sign data with your Ed25519 key:'")
    return form["wallet"], dict(line.partition(": ")[::2] for line in form["properties"].split("\n"))


def _position(text: str) -> tuple[float, float]:
    if not re.fullmatch(r"-?\d{1,3}(\.\d+)?, -?\d{1,3}(\.\d+)?", text):
        raise Refused(400, "the message needs the property 'Position: latitude, longitude'")
    latitude, longitude = map(float, text.split(", "))
    if abs(latitude) > MOST[0] or abs(longitude) > MOST[1] or latitude == longitude == 0:
        raise Refused(400, f"{text} is no position of a home")
    return latitude, longitude


def _check_time(properties: dict[str, Any], now: datetime) -> None:
    try:
        issued, expires = (
            datetime.strptime(properties[f"{name} (UTC)"], _TIME).replace(tzinfo=UTC)
            for name in ("Issued At", "Expiration Time")
        )
    except (KeyError, ValueError) as error:
        raise Refused(400, "the message needs 'Issued At (UTC)' and 'Expiration Time (UTC)'") from error
    if not issued - CLOCKS_DIFFER_BY <= now <= expires or expires - issued > LONGEST:
        raise Refused(400, "the message is not valid now, or for longer than a year")
