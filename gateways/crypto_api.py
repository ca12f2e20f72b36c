"""/gateways/{id}/api/crypto and …/sign: each gateway as an app finds a hardware one on the local network (sen.md 8).

Hardware asks nobody for a token. Here an app needs one of the gateway's owner, who has ticked this home for it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import orjson
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import path, re_path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from gateways import crypto
from gateways.models import Gateway
from gateways.oauth import reach, scopes
from gateways.oauth.tokens import Caller
from gateways.rest import limits, problems, renderers
from gateways.rest.authentication import too_narrow
from gateways.rest.requests import Body, Document
from gateways.rest.views import Resource

_MOST_BYTES = 4096
_MOST_A_MINUTE = 10
_SIGNED = "Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w|123456|2025-03-27T12:00:00Z|acme-0123456789abcdef"


class IdentityDocument(Document):
    """Who a gateway is."""

    deviceName = serializers.CharField(help_text="What it is: the `model` of its type.")  # noqa: N815  hardware's names
    serialNumber = serializers.CharField(help_text="The gateway's id.")  # noqa: N815
    publicKey = serializers.CharField(help_text="x and y of its P-256 key, 128 hex digits.")  # noqa: N815

    example: ClassVar = {
        "deviceName": "partner_cloud", "serialNumber": "acme-0123456789abcdef",
        "publicKey": "3e70c4705ff5945bfea058aaa68128e6f7d54fd7e08c640f4791668f8267a6e8"
        "c36ee19214698f1956e948bf339492fb11e0dc5a79a76dd0c235b431ee5aa782",
    }  # fmt: skip


class SignBody(Body):
    """What to sign. It stands in the documentation; the rule is that of `crypto.compose`."""

    message = serializers.RegexField(
        r"^[^|.\x00]*$", required=False, allow_blank=True, max_length=crypto.MOST_BYTES,
        help_text="Up to 512 bytes without `|` and `.`: for inception, the wallet's address.",
    )  # fmt: skip
    timestamp = serializers.RegexField(
        f"^{crypto.TIMESTAMP.pattern}$", required=False,
        help_text="UTC, as 2025-01-17T18:20:12Z; now, if it is missing.",
    )  # fmt: skip

    example: ClassVar = {"message": _SIGNED.partition("|")[0], "timestamp": "2025-03-27T12:00:00Z"}


class SignedDocument(Document):
    """What the gateway signed."""

    message = serializers.CharField(help_text="`MESSAGE|NONCE|TIMESTAMP|SERIAL`; without a message, without its pipe.")
    sign = serializers.CharField(help_text="ES256 over the UTF-8 of `message`: r and s, 128 hex digits.")

    example: ClassVar = {"message": _SIGNED, "sign": "00" * 64}


class PerGateway(limits.PerClient):
    """Counts signatures of a gateway. Who does not own it uses up nothing of its owner's."""

    name = "gateway"

    def limit_of(self, request: Request) -> tuple[int, str]:
        if request.method != "POST" or not isinstance(request.auth, Caller) or request.auth.user is None:
            return 0, ""
        return _MOST_A_MINUTE, f"{request.auth.user.pk}:{request.parser_context['kwargs']['gateway']}"


class AnyJson(BaseParser):
    """JSON, whatever type it is sent as: hardware does not look."""

    media_type = "*/*"

    def parse(self, stream: Any, *_: Any, **__: Any) -> Any:
        raw = stream.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise _too_large()
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise _no_json() from error


class Crypto(Resource):
    """A gateway's identity and signature; keys, order and errors are those of hardware."""

    required_scope = scopes.GATEWAY_IDENTITY
    write_scope = scopes.GATEWAY_SIGN
    model = Gateway
    partner_path = "partner"
    lookup_field = "serial"
    lookup_url_kwarg = "gateway"
    basename = "crypto"
    tells_problems = False
    bodies: ClassVar = {"sign": SignBody}
    throttle_classes: Any = (limits.PerClient, PerGateway)
    parser_classes: Any = (AnyJson,)
    renderer_classes: Any = (renderers.Json,)

    def identity(self, _request: Request, **_: Any) -> Response:
        """Say which key signs for a gateway."""
        gateway = self.get_object()
        key = crypto.signing_key(gateway)
        said = {
            "deviceName": gateway.gateway_type.model,
            "serialNumber": gateway.serial,
            "publicKey": key.public_key,
        }
        return Response(said)

    def sign(self, _request: Request, **_: Any) -> Response:
        """Have a gateway sign a message, for inception its owner's wallet."""
        signed, signature = crypto.sign(
            gateway=self.get_object(), client=self.caller.client, by=self.by, now=timezone.now(), **self.body()
        )
        return Response({"message": signed, "sign": signature})

    def get_serializer_class(self) -> type[Document]:
        return SignedDocument if self.action == "sign" else IdentityDocument

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return reach.gateways(self.caller, rows.select_related("partner", "gateway_type"))

    def get_object(self) -> Gateway:
        """Return the gateway, if its owner lets this app do this with it."""
        gateway: Gateway = super().get_object()
        if not reach.agreed(self.caller, gateway, needed := self.scope_for(self.request)):
            raise too_narrow(needed)
        return gateway

    def body(self) -> dict[str, Any]:
        """Return what is to be signed. What hardware does not know it does not look at, so nor does this."""
        given = self.request.data
        if self.request.stream is None or not isinstance(given, dict):
            raise _no_json()
        said = {name: given[name] for name in ("message", "timestamp") if given.get(name) is not None}
        for name, value in said.items():
            if not isinstance(value, str):
                msg = f"{name.capitalize()} must be a string"
                raise problems.invalid(msg)
        return {"message": "", **said}

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if response.exception:
            said = _SAID.get(response.status_code, response.data["detail"])
            response.data = {"status": "error", "message": said}
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say that an error is plain JSON here, and no problem document."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.content_type = renderers.Json.media_type
        return response


def _no_json() -> problems.Problem:
    return problems.invalid("Invalid JSON")


def _too_large() -> problems.Problem:
    said = f"Body cannot be longer than {_MOST_BYTES} bytes"
    return problems.Problem("too-large", said)


@csrf_exempt
def no_endpoint(_request: HttpRequest, **_: Any) -> JsonResponse:
    """Answer for what else hardware serves below api/, and for all it does not."""
    return JsonResponse({"status": "error", "message": "Endpoint not found"}, status=404)


@problems.problem_of.register
def _(error: crypto.Unsignable) -> problems.Problem:
    return problems.invalid(str(error))


@problems.problem_of.register
def _(error: crypto.NoKey) -> problems.Problem:
    return problems.conflict(str(error), slug="gateway-without-key")


_SAID = {404: "Gateway not found", 405: "Method not allowed"}
_ID = "gateways/<str:gateway>/api/crypto"

urlpatterns = [
    path(_ID, Crypto.as_view({"get": "identity"}), name="crypto"),
    path(f"{_ID}/sign", Crypto.as_view({"post": "sign"}), name="crypto_sign"),
    re_path(r"^gateways/[^/]+/api(?:/.*)?$", no_endpoint),
]
