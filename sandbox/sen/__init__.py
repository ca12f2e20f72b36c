"""The stand-in of the Sourceful Energy Network, generation 1: signed JWTs over HTTPS and GraphQL (sen.md 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.sen.admin import Admin
from sandbox.sen.api import Api
from sandbox.sen.inception import Inception
from sandbox.sen.ingress import Ingress
from sandbox.sen.ledger import Ledger
from sandbox.sen.page import Page
from sandbox.sen.refusal import Refused
from sandbox.sen.registry import Registry
from sandbox.server import World


class Sen:
    """The cloud `sen`: /gw/data/ takes data, / answers GraphQL (POST) and people (GET), /__admin/… is for tests."""

    def __init__(self, world: World) -> None:
        registry, ledger = Registry(world), Ledger(world)
        self._routes = _routes(
            ingress=Ingress(world, registry, ledger),
            api=Api(world, Inception(world, registry, ledger)),
            page=Page(world, ledger),
            admin=Admin(world, registry, ledger),
        )

    def __call__(self, request: Request) -> Response:
        answer, arguments = self._routes.bind("", path_info=request.path).match(method=request.method)
        try:
            response: Response = answer(request, **arguments)
        except Refused as refusal:
            return Response(str(refusal), refusal.status, content_type="text/plain; charset=utf-8")
        return response


def _routes(*, ingress: Ingress, api: Api, page: Page, admin: Admin) -> Map:
    routes: dict[str, dict[str, Callable[..., Any]]] = {
        "/gw/data": {"POST": ingress},
        "/gw/data/": {"POST": ingress},
        "/": {"POST": api, "GET": page},
        "/__admin/types": {"POST": admin.add_type},
        "/__admin/types/<prefix>/keys": {"POST": admin.add_type_key},
        "/__admin/gateways": {"POST": admin.add_gateway},
        "/__admin/gateways/<gateway>": {"GET": admin.gateway},
        "/__admin/gateways/<gateway>/keys": {"POST": admin.add_gateway_key},
        "/__admin/gateways/<gateway>/ban": {"POST": admin.ban_gateway},
        "/__admin/gateways/<gateway>/location": {"POST": admin.locate},
        "/__admin/keys/<public_key>/ban": {"POST": admin.ban_key},
        "/__admin/points": {"GET": admin.points},
        "/__admin/ledger": {"GET": admin.ledger},
    }
    return Map(
        [
            Rule(path, methods=[method], endpoint=answer)
            for path, by_method in routes.items()
            for method, answer in by_method.items()
        ],
        strict_slashes=False,
    )
