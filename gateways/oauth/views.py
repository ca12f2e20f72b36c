"""What clients call: token, revocation (RFC 7009), introspection (RFC 7662), metadata (RFC 8414, RFC 9728)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from gateways.models import Gateway
from gateways.oauth import limits, scopes, tokens
from gateways.oauth.server import GRANT_TYPES, core
from gateways.rest.problems import Problem, plain_response

_BY_SECRET = ["client_secret_basic", "client_secret_post"]


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Give tokens for a code, a refresh token, or a client's own id and secret (RFC 6749, 3.2)."""
    return _answer(request, partial(_oauthlib, core().create_token_response))


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """End a token of the client that asks; one that is not its own, or none, changes nothing."""
    return _answer(request, partial(_oauthlib, core().create_revocation_response))


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    """Tell a client that has a secret whether an access token of a client of its own partner is good, and for what."""
    return _answer(request, _introspect)


@require_GET
def server_metadata(_request: HttpRequest) -> HttpResponse:
    """Describe the authorization server (RFC 8414): what is served, and nothing else."""
    document = {
        "issuer": settings.PUBLIC_URL,
        "authorization_endpoint": _url("authorize"),
        "token_endpoint": _url("token"),
        "revocation_endpoint": _url("revoke-token"),
        "introspection_endpoint": _url("introspect"),
        "scopes_supported": list(scopes.ALL),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*_BY_SECRET, "none"],
        "revocation_endpoint_auth_methods_supported": [*_BY_SECRET, "none"],
        "introspection_endpoint_auth_methods_supported": _BY_SECRET,
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": [code for code, _name in settings.LANGUAGES],
        "service_documentation": _documentation(),
        "protected_resources": [settings.PUBLIC_URL],
    }
    return _for_everybody(document)


@require_GET
def resource_metadata(_request: HttpRequest) -> HttpResponse:
    """Describe the API as a protected resource (RFC 9728): who gives tokens for it, and where they go."""
    return _for_everybody(_resource("", scopes.ALL, resource_name="Partner portal"))


@require_GET
def gateway_metadata(_request: HttpRequest, gateway: str) -> HttpResponse:
    """Describe a gateway as a resource of its own (RFC 9728, 3.1): it signs, and has the keys that verify this."""
    if not Gateway.objects.filter(serial=gateway).exists():
        return plain_response(Problem("not-found", "There is no such gateway."))
    keys = f"{settings.PUBLIC_URL}{reverse('jwks', args=[gateway])}"
    signs = {"jwks_uri": keys, "resource_signing_alg_values_supported": ["ES256"]}
    return _for_everybody(_resource(f"/gateways/{gateway}", (scopes.GATEWAY_IDENTITY, scopes.GATEWAY_SIGN), **signs))


def _introspect(request: HttpRequest) -> HttpResponse:
    client = core().client_of(request)
    if client is None:
        return JsonResponse({"error": "invalid_client"}, status=401)
    limits.count_client(client, None)
    given = request.POST.get("token", "")
    if not given:
        missing = {"error": "invalid_request", "error_description": "Missing token parameter."}
        return JsonResponse(missing, status=400)
    found = tokens.look_up(given, now=timezone.now())
    if found is None or found.caller.partner != client.partner:
        return JsonResponse({"active": False})
    caller = found.caller
    told = {"active": True, "client_id": caller.client.client_id, "scope": " ".join(sorted(caller.scopes))}
    return JsonResponse(
        {**told, "token_type": "Bearer", "exp": int(found.expires.timestamp()), "iss": settings.PUBLIC_URL}
    )


def _oauthlib(respond: Callable[[HttpRequest], Any], request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        _where, headers, body, status = respond(request)
    return HttpResponse(body or "", status=status, headers={"Content-Type": "application/json", **headers})


def _answer(request: HttpRequest, respond: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    """Answer a client as JSON that nobody keeps (RFC 6749, 5.1)."""
    if trouble := _trouble(request):
        response: HttpResponse = JsonResponse({"error": "invalid_request", "error_description": trouble}, status=400)
    else:
        response = _in_limits(request, respond)
    response["Cache-Control"], response["Pragma"] = "no-store", "no-cache"
    if response.status_code == 401:
        response["WWW-Authenticate"] = 'Basic realm="oauth"'
    return response


def _in_limits(request: HttpRequest, respond: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    try:
        limits.check_address(request)
        response = respond(request)
    except limits.TooOften as error:
        kind = "application/json"
        return HttpResponse(error.json, status=error.status_code, headers=error.headers, content_type=kind)
    if response.status_code in {400, 401}:
        limits.note_wrong(request)
    return response


def _trouble(request: HttpRequest) -> str:
    """Return what the libraries behind would stumble over: logs keep addresses, and databases take no NUL."""
    if request.META["QUERY_STRING"]:
        return "URL query parameters are not allowed"
    texts = [text for name, values in request.POST.lists() for text in (name, *values)]
    if any("\0" in text for text in texts) or not request.headers.get("Authorization", "").isascii():
        return "The request holds a character that none of its parameters has."
    if repeated := [name for name, values in request.POST.lists() if len(values) > 1 and name != "resource"]:
        return f"Duplicate {', '.join(sorted(repeated))} parameter."
    return ""


def _resource(path: str, takes: Iterable[str], **more: object) -> dict[str, Any]:
    return {
        "resource": f"{settings.PUBLIC_URL}{path}",
        "authorization_servers": [settings.PUBLIC_URL],
        "scopes_supported": list(takes),
        "bearer_methods_supported": ["header"],
        "resource_documentation": _documentation(),
        **more,
    }


def _documentation() -> str:
    return f"{settings.PUBLIC_URL}{reverse('api-docs')}"


def _url(name: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse(f'oauth2_provider:{name}')}"


def _for_everybody(document: dict[str, Any]) -> JsonResponse:
    # Apps that run in a browser look it up, too; there is nothing of anybody in it.
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=300, public"}
    return JsonResponse(document, headers=headers)
