"""POST /: the operations of SEN's GraphQL API that a partner's cloud uses (sen.md 7)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from sqlite3 import Row
from typing import Any

from werkzeug.exceptions import abort
from werkzeug.wrappers import Request, Response

from sandbox.sen import graphql
from sandbox.sen.inception import Inception
from sandbox.server import World

# SEN names gateways with three of its own lists of 256 words; any stable name does.
_WORDS = (
    ("Brave", "Calm", "Dizzy", "Eager", "Fancy", "Gentle", "Happy", "Jolly", "Lucky", "Macho", "Noisy", "Proud"),
    ("Amber", "Beige", "Coral", "Denim", "Ebony", "Fuchsia", "Green", "Indigo", "Lilac", "Mauve", "Navy", "Teal"),
    ("Badger", "Crane", "Dolphin", "Egret", "Ferret", "Gecko", "Heron", "Ibis", "Lynx", "Marten", "Otter", "Wren"),
)


class Api:
    """Answers 200 with `data` and, where something is wrong with the query, `errors`; reads need no authentication."""

    def __init__(self, world: World, inception: Inception) -> None:
        self._state, self._inception = world.state, inception

    def __call__(self, request: Request) -> Response:
        body = request.get_json(force=True)
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            abort(400, 'The body is {"query": "…"}.')
        reply = graphql.answer(body["query"], {"query": self._query(), "mutation": self._mutation()})
        return Response(json.dumps(reply), content_type="application/json")

    def _query(self) -> Mapping[str, Any]:
        return {
            "gatewayConfiguration": {"gatewayName": self._name},
            "gateway": {
                "gateway": lambda arguments: self._find(_text(arguments, "id")),
                "list": lambda arguments: self._gateways("wallet", _text(arguments, "wallet")),
            },
        }

    def _mutation(self) -> Mapping[str, Any]:
        return {"gatewayInception": {"initialize": self._initialize}}

    def _name(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"name": (self._find(_text(arguments, "id")) or {}).get("name")}

    def _initialize(self, arguments: Mapping[str, Any]) -> Mapping[str, bool]:
        match arguments:
            case {"gatewayInitialization": {"idAndWallet": str(message), "signature": str(signature), **more}}:
                dry_run = more.pop("dryRun", False)
                if not more and isinstance(dry_run, bool):
                    return {"initialized": self._inception.initialize(message, signature, dry_run=dry_run)}
        msg = "gatewayInitialization takes idAndWallet and signature, strings, and dryRun, a boolean"
        raise graphql.ArgumentsError(msg)

    def _find(self, gateway: str) -> Mapping[str, Any] | None:
        return next(iter(self._gateways("id", gateway)), None)

    def _gateways(self, column: str, value: str) -> list[Mapping[str, Any]]:
        rows = self._state.rows(f"SELECT * FROM sen_gateways WHERE {column} = ? ORDER BY id", [value])  # noqa: S608
        return [self._gateway(dict(row)) for row in rows]

    def _gateway(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a gateway as GraphQL shows it to anybody; its position is not for everybody to see."""
        return {
            "id": row["id"],
            "name": name_of(row["id"]),
            "wallet": row["wallet"],
            "typeOf": row["prefix"],
            "timeZone": None,
            "ders": lambda _: self._ders(row["id"]),
        }

    def _ders(self, gateway: str) -> list[Mapping[str, Any]]:
        rows = self._state.rows(
            "SELECT device, sn, type, data, max(ts) AS ts, count(*) AS points FROM sen_points WHERE device = ?"
            " GROUP BY sn ORDER BY sn",
            [gateway],
        )
        return [_der(row) for row in rows]


def name_of(gateway: str) -> str:
    """Return a name of three words, always the same for the same gateway."""
    digest = hashlib.sha256(gateway.encode()).digest()
    return " ".join(words[byte % len(words)] for words, byte in zip(_WORDS, digest, strict=False))


def _der(row: Row) -> Mapping[str, Any]:
    """Return a DER as the egress shows it: the serial only as a hash, with a prefix by kind."""
    prefix = {"pv": "pv", "battery": "bt", "meter": "em"}.get(row["type"], "der")
    data = json.loads(row["data"])
    return {
        "type": row["type"],
        "name": None,
        "sn": f"{prefix}-{_hash(row['sn'])}",
        "lastSeen": datetime.fromtimestamp(row["ts"] / 1000, UTC).isoformat(),
        "devRef": _hash(row["device"] + row["sn"]),
        "meta": {
            "make": data.get("make"),
            "nominalPower": data.get("rated_power_W"),
            "dataPoints": row["points"],
        },
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if isinstance(value, str) and len(arguments) == 1:
        return value
    msg = f"it takes {name}, a string, and nothing else"
    raise graphql.ArgumentsError(msg)
