"""`python -m sandbox reconcile`: plays SEN's module that pulls (Method 2, sen.md 12) and compares with what was pushed.

It asks the portal with a token of its own for gateways, DERs and every point of a time, and SEN's stand-in for what it
holds. A page of each DER it asks for signed as well, and checks that with the key that SEN knows. Ends with 1 if
anything differs, with 2 if it cannot ask. The client's secret is read from CLIENT_SECRET.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from sandbox.reconcile_clients import Portal, Sen, SignatureWrong

_WINDOW = timedelta(days=31)  # what the portal gives at once
_SHOWN, _SAID = 5, 500
_EARLY = frozenset({"created", "registered", "owned", "located"})

Key = tuple[str, int]
"""a point of a gateway: serial of the DER, Unix ms"""


@dataclass
class Comparison:
    """What differs at one gateway."""

    gateway: str
    pulled: int = 0
    pushed: int = 0
    missing: list[Key] = field(default_factory=list)
    """SEN has it, the portal does not show it"""
    extra: list[Key] = field(default_factory=list)
    """the portal shows it, SEN never got it"""
    changed: list[Key] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    """why a signed page proves nothing"""
    early: str = ""
    """the status of a gateway that does not send yet: there is nothing to compare"""

    @property
    def differs(self) -> bool:
        return bool(self.missing or self.extra or self.changed or self.unproven)


def reconcile(portal: Portal, sen: Sen, start: datetime, end: datetime) -> Iterator[Comparison]:
    """Yield a comparison for each gateway that the portal shows, of the points of [start, end)."""
    for gateway in portal.pages("gateways"):
        if gateway["status"] in _EARLY:
            yield Comparison(gateway["id"], early=gateway["status"])
            continue
        ders = [der["sn"] for der in portal.pages(f"gateways/{gateway['id']}/ders")]
        found = _compared(gateway["id"], _pulled(portal, gateway["id"], ders, start, end), sen, start, end)
        for sn in ders:
            try:
                _prove(portal, sen, gateway["id"], sn, start, min(end, start + _WINDOW))
            except SignatureWrong as error:
                found.unproven.append(f"{sn}: {error}")
        yield found


def _pulled(portal: Portal, gateway: str, ders: Sequence[str], start: datetime, end: datetime) -> dict[Key, Any]:
    points = {}
    for sn in ders:
        for first, last in _windows(start, end):
            asked = {"gateway": gateway, "from": first.isoformat(), "to": last.isoformat(), "limit": 5000}
            for point in portal.pages(portal.telemetry(sn), asked):
                points[sn, point["timestamp"]] = point
    return points


def _compared(gateway: str, pulled: Mapping[Key, Any], sen: Sen, start: datetime, end: datetime) -> Comparison:
    first, last = (round(at.timestamp() * 1000) for at in (start, end))
    pushed = {key: data for key, data in sen.points(gateway) if first <= key[1] < last}
    return Comparison(
        gateway, len(pulled), len(pushed),
        missing=sorted(pushed.keys() - pulled.keys()), extra=sorted(pulled.keys() - pushed.keys()),
        changed=sorted(key for key in pulled.keys() & pushed.keys() if pulled[key] != pushed[key]),
    )  # fmt: skip


def _prove(portal: Portal, sen: Sen, gateway: str, sn: str, start: datetime, end: datetime) -> None:
    """Check that a signed page is by the gateway and says what the plain one says. Raises SignatureWrong."""
    asked = {"gateway": gateway, "from": start.isoformat(), "to": end.isoformat(), "limit": 100}
    header, claims = sen.opened(gateway, portal.signed(portal.telemetry(sn), asked))
    if (header.get("typ"), header.get("sn"), claims.get("sub")) != ("telemetry+jwt", sn, gateway):
        msg = "it is signed for something else"
        raise SignatureWrong(msg)
    if claims.get("data") != portal.get(portal.telemetry(sn), asked).json()["data"]:
        msg = "the signed page says something else than the plain one"
        raise SignatureWrong(msg)


def _windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        following = min(start + _WINDOW, end)
        yield start, following
        start = following


def report(found: Comparison, say: Callable[[str], Any]) -> None:
    """Say what was compared, and the first of each kind of difference."""
    if found.early:
        say(f"{found.gateway}: {found.early}, sends nothing yet")
        return
    verdict = "DIFFERS" if found.differs else "same"
    say(f"{found.gateway}: {found.pulled} points pulled, {found.pushed} pushed, {verdict}")
    for kind in ("missing", "extra", "changed"):
        if keys := getattr(found, kind):
            say(f"  {kind}: {len(keys)}, such as {json.dumps(keys[:_SHOWN])}")
    for reason in found.unproven:
        say(f"  unproven: {reason}")


def main(arguments: list[str]) -> None:
    """Run the command; the client's secret comes in CLIENT_SECRET. Exits with 1 for differences, 2 unasked."""
    now = datetime.now(UTC)
    parser = argparse.ArgumentParser(prog="sandbox reconcile", description=__doc__)
    parser.add_argument("--portal", default="http://localhost:8000")
    parser.add_argument("--sandbox", default="http://127.0.0.1:8801")
    parser.add_argument("--client-id", required=True, help="a backend of the partner, for rewards")
    parser.add_argument("--from", dest="start", type=datetime.fromisoformat, default=now - timedelta(days=1))
    parser.add_argument("--to", dest="end", type=datetime.fromisoformat, default=now)
    args = parser.parse_args(arguments)
    portal = Portal(args.portal, args.client_id, os.environ.get("CLIENT_SECRET", ""))
    with closing(portal), closing(Sen(args.sandbox)) as sen:
        found = reconcile(portal, sen, args.start.astimezone(UTC), args.end.astimezone(UTC))
        try:
            differing = _differing(found, print)
        except requests.RequestException as error:
            said = "" if error.response is None else error.response.text[:_SAID]
            parser.exit(2, f"It stops: {error} {said}\n")
    sys.exit(1 if differing else 0)


def _differing(found: Iterable[Comparison], say: Callable[[str], Any]) -> int:
    compared = differing = 0
    for one in found:
        report(one, say)
        compared, differing = compared + 1, differing + one.differs
    say(f"{compared} gateways, {differing} with differences")
    return differing
