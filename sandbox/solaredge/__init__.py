"""Stand-in of SolarEdge's Monitoring API V2 for Fleet keys: /solaredge/api/v2/…; the V1 paths beside it answer 410.

`sandbox-fleet-key` sees a home with PV, one with battery and grid meter, one at the other end of the world, and, where
there is a folder of recorded replies, one that replays them. `sandbox-other-key` sees homes the first may not.

`/solaredge/__admin/settings`  GET, POST some of `ledger.DEFAULTS`, DELETE forgets settings and counts
`/solaredge/__admin/ledger`    GET the calls of each key
"""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox.server import World
from sandbox.solaredge import homes, resources
from sandbox.solaredge.homes import Site
from sandbox.solaredge.ledger import Balance, Ledger
from sandbox.solaredge.problems import Problem, as_json
from sandbox.solaredge.resources import RESOURCES, Call


class SolarEdge:
    """Answers a request the way SolarEdge's gateway and the API behind it do."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._accounts = homes.accounts(world.options.get("recordings"))
        self._ledger = Ledger(world.state)

    def __call__(self, request: Request) -> Response:
        try:
            if request.path.startswith("/__admin/"):
                return self._admin(request)
            return self._gateway(request)
        except Problem as problem:
            return problem.response()

    def _admin(self, request: Request) -> Response:
        match request.path, request.method:
            case "/__admin/ledger", "GET":
                return as_json(self._ledger.uses())
            case "/__admin/settings", "POST":
                self._ledger.change(request.get_json())
            case "/__admin/settings", "DELETE":
                self._ledger.clear()
            case path, method if path != "/__admin/settings" or method != "GET":
                raise Problem(404, "There are: GET, POST, DELETE /__admin/settings and GET /__admin/ledger.")
        return as_json(self._ledger.settings)

    def _gateway(self, request: Request) -> Response:
        """Check the key, count the call, answer; every reply has the rate headers, also 404."""
        settings, key = self._ledger.settings, request.headers.get("X-API-Key", "")
        if refusal := self._refusal(request, key, settings):
            refusal.headers.extend(Balance(settings["minute"], settings["minute"]).headers)
            return refusal
        balance = self._ledger.take(key, self._clock.now(), settings)
        response = self._answer(request, key, settings) if balance.allowed else _too_many(balance)
        response.headers.extend({**balance.headers, "via": "1.1 kong/3.7.1"})
        return response

    def _refusal(self, request: Request, key: str, settings: dict[str, Any]) -> Response | None:
        if not request.path.startswith("/api/v2/"):
            return Problem(410, "Monitoring API V1 was retired. Please move to Monitoring API V2.").response()
        if request.headers.get("Authorization", "").startswith("Bearer "):
            return as_json({"error": "invalid_token", "error_description": "The access token is invalid"}, 401)
        if not key:
            said = "The access token is missing"
            return as_json({"error": "invalid_request", "error_description": said}, 401)
        if key not in self._accounts or key in settings["revoked"]:
            return Problem(401, "Invalid API key").response()
        return None

    def _answer(self, request: Request, key: str, settings: dict[str, Any]) -> Response:
        sites = [site for site in self._accounts[key] if site.site_id not in settings["left"]]
        try:
            return as_json(self._route(request, sites, settings))
        except Problem as problem:
            return problem.response()

    def _route(self, request: Request, sites: list[Site], settings: dict[str, Any]) -> Any:
        if request.method != "GET":
            raise Problem(405, f"{request.method} is not allowed")
        match request.path.removeprefix("/api/v2/").split("/"):
            case ["sites"]:
                return resources.sites(request.args, sites)
            case ["alerts"]:
                return resources.alerts(request.args, sites)
            case ["sites", site_id]:
                return resources.details(self._call(request, site_id, sites, settings))
            case ["sites", site_id, *rest] if "/".join(rest) in RESOURCES:
                return RESOURCES["/".join(rest)](self._call(request, site_id, sites, settings))
        raise Problem(404, "Unknown endpoint")

    def _call(self, request: Request, site_id: str, sites: list[Site], settings: dict[str, Any]) -> Call:
        return Call(request.args, self._site(site_id, sites), self._clock.now(), settings)

    def _site(self, site_id: str, sites: list[Site]) -> Site:
        for site in sites:
            if str(site.site_id) == site_id:
                return site
        known = any(str(site.site_id) == site_id for account in self._accounts.values() for site in account)
        raise Problem(403, "No access to this site") if known else Problem(404, f"Site {site_id} was not found")


def _too_many(balance: Balance) -> Response:
    """Answer 429: the minute with Kong's own words, the month with the API's."""
    if balance.retry_after is not None:
        return as_json({"message": "API rate limit exceeded"}, 429)
    return Problem(429, "Monthly credits are exhausted").response()
