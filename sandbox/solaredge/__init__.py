"""Stand-in of SolarEdge: Monitoring API V2 in /solaredge/api/v2/…, the consent pages in /solaredge/connect/….

Fleet keys: `sandbox-fleet-key` sees a home with PV, one with battery and grid meter, one at the other end of the world,
and, where there is a folder of recorded replies, one that replays them. `sandbox-other-key` sees homes the first may
not. The V1 paths answer 410.

Site Access: owners with the logins of `sandbox.logins` share one site each with the application `sandbox-solaredge`
(secret `sandbox-solaredge-secret`) or with another one, after its redirect URI was registered.

`/solaredge/__admin/apps`      GET, POST {"client_id", "client_secret", "redirect_uri"} adds or replaces an application
`/solaredge/__admin/grants`    GET what owners granted, POST {"login" or "site_id", and what shall happen to it: some of
                               "expire_access", "expire_refresh", "revoke": true, "drop_scope": "DEVICE_DATA"}
`/solaredge/__admin/settings`  GET, POST some of `ledger.DEFAULTS`, DELETE forgets settings and counts
`/solaredge/__admin/ledger`    GET the calls of each key and application
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox import logins
from sandbox.server import World
from sandbox.solaredge import homes, owners, resources
from sandbox.solaredge.apps import Apps
from sandbox.solaredge.connect import Connect
from sandbox.solaredge.grants import Grant, Grants
from sandbox.solaredge.homes import Site
from sandbox.solaredge.ledger import Balance, Ledger
from sandbox.solaredge.problems import OAuthProblem, Problem, as_json
from sandbox.solaredge.resources import RESOURCES, Call
from sandbox.solaredge.tokens import Tokens


@dataclass(frozen=True)
class Caller:
    """Whose call it is: a Fleet key's, with its sites, or an application's, with what an owner granted."""

    account: str
    sites: Sequence[Site]
    grant: Grant | None = None


class SolarEdge:
    """Answers a request the way SolarEdge's gateway and the API behind it do."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._accounts = homes.accounts(world.options.get("recordings"))
        self._ledger = Ledger(world.state)
        self._apps, self._grants = Apps(world.state), Grants(world)
        self._connect = Connect(world, self._apps, self._grants, lambda: self._ledger.settings)
        self._tokens = Tokens(self._apps, self._grants)

    def __call__(self, request: Request) -> Response:
        try:
            if request.path.startswith("/__admin/"):
                return as_json(self._admin(request))
            if request.path.startswith("/connect/"):
                return self._connect(request)
            return self._gateway(request)
        except Problem as problem:
            return problem.response()

    def _admin(self, request: Request) -> Any:
        match request.path.removeprefix("/__admin/"), request.method:
            case "ledger", "GET":
                return self._ledger.uses()
            case "apps", "GET" | "POST" as method:
                if method == "POST":
                    self._apps.register(request.get_json())
                return self._apps.listed()
            case "grants", "GET" | "POST" as method:
                if method == "POST":
                    self._grants.change(request.get_json())
                return self._grants.listed()
            case "settings", "POST":
                self._ledger.change(request.get_json())
            case "settings", "DELETE":
                self._ledger.clear()
            case path, method if path != "settings" or method != "GET":
                raise Problem(404, "There are: GET, POST apps, grants and settings, DELETE settings, and GET ledger.")
        return self._ledger.settings

    def _gateway(self, request: Request) -> Response:
        """Check who calls, count the call, answer; every reply has the rate headers, also 404."""
        settings = self._ledger.settings
        free = Balance(settings["minute"], settings["minute"])
        try:
            if request.path.startswith("/api/v2/oauth2/"):
                return _with_headers(self._tokens(request), free)
            caller = self._caller(request, settings)
        except Problem as problem:
            return _with_headers(problem.response(), free)
        balance = self._ledger.take(caller.account, self._clock.now(), settings)
        answer = self._answer(request, caller, settings) if balance.allowed else _too_many(balance)
        return _with_headers(answer, balance)

    def _caller(self, request: Request, settings: dict[str, Any]) -> Caller:
        if not request.path.startswith("/api/v2/"):
            raise Problem(410, "Monitoring API V1 was retired. Please move to Monitoring API V2.")
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer":
            grant = self._grants.of_bearer(token)
            return Caller(grant.client_id, owners.sites_of(grant.login), grant)
        key = request.headers.get("X-API-Key", "")
        if not key:
            raise OAuthProblem(401, "invalid_request", "The access token is missing")
        if key not in self._accounts or key in settings["revoked"]:
            raise Problem(401, "Invalid API key")
        return Caller(key, self._accounts[key])

    def _answer(self, request: Request, caller: Caller, settings: dict[str, Any]) -> Response:
        sites = [site for site in caller.sites if site.site_id not in settings["left"]]
        path = request.path.removeprefix("/api/v2/").split("/")
        try:
            if caller.grant:
                caller.grant.check(path)
            answer = as_json(self._route(request, path, sites, settings))
        except Problem as problem:
            return problem.response()
        has_data = path[2:] not in ([], ["devices"])
        if has_data and caller.grant and logins.kind_of(caller.grant.login) == "badlogin_after":
            self._grants.take_away(caller.grant)
        return answer

    def _route(self, request: Request, path: list[str], sites: list[Site], settings: dict[str, Any]) -> Any:
        if request.method != "GET":
            raise Problem(405, f"{request.method} is not allowed")
        match path:
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


def _with_headers(response: Response, balance: Balance) -> Response:
    response.headers.extend({**balance.headers, "via": "1.1 kong/3.7.1"})
    return response


def _too_many(balance: Balance) -> Response:
    """Answer 429: the minute with Kong's own words, the month with the API's."""
    if balance.retry_after is not None:
        return as_json({"message": "API rate limit exceeded"}, 429)
    return Problem(429, "Monthly credits are exhausted").response()
