"""/__admin/…: what in reality is agreed with Sourceful by hand, and what tests and people ask of the stand-in.

POST types {prefix, global_key?}           define a gateway type
POST types/PREFIX/keys {public_key}        a further global key; the ones before stay valid
POST gateways {id, public_key?}            register; no key is needed where the type has a global one
POST gateways/ID/keys {public_key}         a further key (rotation); the ones before stay valid
POST gateways/ID/ban                       refuse every key the gateway has now
POST gateways/ID/location {message, signature}   signed by the owner's wallet
POST keys/PUBLIC_KEY/ban                   ban a key
GET  gateways/ID                           what SEN knows of it
GET  points?device=&sn=&after=             points in the order they came, a page at a time
GET  ledger                                totals, the newest refusals and warnings

What is new is answered with 201, what was so already with 200, a contradiction with 409.
"""

from __future__ import annotations

import json
from typing import Any

from werkzeug.exceptions import abort
from werkzeug.wrappers import Request, Response

from sandbox.sen.ledger import Ledger
from sandbox.sen.location import locate
from sandbox.sen.registry import Registry
from sandbox.server import World


class Admin:
    """Translates each admin call into one call of the registry or the ledger."""

    def __init__(self, world: World, registry: Registry, ledger: Ledger) -> None:
        self._world, self._registry, self._ledger = world, registry, ledger

    def add_type(self, request: Request) -> Response:
        body = _body(request, "prefix", optional="global_key")
        return _made(self._registry.add_type(body["prefix"], body.get("global_key")), body)

    def add_type_key(self, request: Request, prefix: str) -> Response:
        body = _body(request, "public_key")
        return _made(self._registry.add_type_key(prefix, body["public_key"]), {"prefix": prefix, **body})

    def add_gateway(self, request: Request) -> Response:
        body = _body(request, "id", optional="public_key")
        new = self._registry.add_gateway(body["id"], body.get("public_key"))
        return _made(new, self._gateway(body["id"]))

    def add_gateway_key(self, request: Request, gateway: str) -> Response:
        new = self._registry.add_gateway_key(gateway, _body(request, "public_key")["public_key"])
        return _made(new, self._gateway(gateway))

    def ban_gateway(self, _: Request, gateway: str) -> Response:
        self._registry.ban_gateway(gateway)
        return _json(self._gateway(gateway))

    def ban_key(self, _: Request, public_key: str) -> Response:
        self._registry.ban_key(public_key)
        return _json({"banned": public_key})

    def locate(self, request: Request, gateway: str) -> Response:
        body = _body(request, "message", "signature")
        locate(self._world, self._registry, gateway, body["message"], body["signature"])
        return _json(self._gateway(gateway))

    def gateway(self, _: Request, gateway: str) -> Response:
        return _json(self._gateway(gateway))

    def points(self, request: Request) -> Response:
        if unknown := request.args.keys() - {"device", "sn", "after"}:
            abort(400, f"Unknown: {', '.join(sorted(unknown))}. Known: device, sn, after.")
        after = request.args.get("after", "0")
        if not after.isdecimal():
            abort(400, "after is the `next` of the page before.")
        args = request.args
        return _json(self._ledger.points(device=args.get("device"), sn=args.get("sn"), after=int(after)))

    def ledger(self, _: Request) -> Response:
        return _json(self._ledger.totals())

    def _gateway(self, gateway: str) -> dict[str, Any]:
        known = self._registry.require(gateway)
        del known["banned_through"]
        keys = [{"public_key": key, "banned": banned} for key, banned in self._registry.keys_of(gateway).items()]
        return {**known, "keys": keys}


def _body(request: Request, *required: str, optional: str = "") -> dict[str, str]:
    """Return the texts of a JSON object. Answers 400 where one is missing, unknown or no text."""
    body = request.get_json(force=True)
    if not isinstance(body, dict) or body.keys() - {*required, optional}:
        abort(400, f"The body is an object with {', '.join([*required, optional])}.")
    for name in required if optional not in body else (*required, optional):
        if not isinstance(body.get(name), str) or not body[name].isascii():
            abort(400, f"{name} is missing, or is no text.")
    return body


def _made(new: bool, body: object) -> Response:  # noqa: FBT001
    return _json(body, 201 if new else 200)


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")
