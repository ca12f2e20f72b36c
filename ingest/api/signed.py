"""Answers that the gateway's key signed: `format=jwt`, or Accept: application/jwt."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from gateways.models import Gateway
from gateways.rest.views import Endpoint
from ingest import provenance


class Jwt(BaseRenderer):
    """A compact JWT, which the view has signed."""

    media_type = "application/jwt"
    format = "jwt"
    charset = None

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        signed: bytes = data
        return signed


@method_decorator(gzip_page, name="dispatch")
class Compressed(Endpoint, abstract=True):
    """Answers are long, and sent compressed to who takes that."""


class Signed(Compressed, abstract=True):
    """A view whose answer may be had signed by the gateway that it is about."""

    may_fail: ClassVar = {"*": (409,)}
    renderer_classes = (*Endpoint.renderer_classes, Jwt)

    def provable(self, response: Response, *, gateway: Gateway, subject: str, sn: str = "") -> Response:
        """Return an answer as it is or, where that was asked for, as a JWT of the same document. Raises NoKey."""
        if isinstance(self.request.accepted_renderer, Jwt):
            document = response.data
            response.data = provenance.signed(document, gateway=gateway, subject=subject, sn=sn, now=timezone.now())
        return response
