"""GET /gateways/{id}/jwks.json: the public keys that verify what a gateway signed. Public, as public keys are."""

from __future__ import annotations

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from gateways import jwks
from gateways.models import Gateway
from gateways.rest.problems import Problem, plain_response


@require_safe
@cache_control(public=True, max_age=300)
def jwks_of_gateway(request: HttpRequest, gateway: str) -> HttpResponse:  # noqa: ARG001
    """Answer with the JWK Set (RFC 7517) of a gateway."""
    found = Gateway.objects.filter(serial=gateway).first()
    if found is None:
        return plain_response(Problem("not-found", "There is no such gateway."))
    return HttpResponse(orjson.dumps({"keys": jwks.keys_of(found)}), content_type="application/jwk-set+json")
