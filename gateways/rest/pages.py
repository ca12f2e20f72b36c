"""For those who write clients: /api/schema, the page to try it on, and all problems. Open to everybody."""

from __future__ import annotations

import functools
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer2

from gateways.rest import problem_types, problems

_FORMATS: dict[str, Any] = {"json": OpenApiJsonRenderer2, "yaml": OpenApiYamlRenderer2}
_open = cache_control(public=True, max_age=300)


@require_safe
@gzip_page
@_open
def schema(request: HttpRequest) -> HttpResponse:
    """Describe the API (OpenAPI 3.1), as JSON or YAML: `format`, else what the header Accept prefers."""
    asked = request.GET.get("format") or ("yaml" if "yaml" in request.headers.get("Accept", "") else "json")
    if asked not in _FORMATS:
        return problems.plain_response(problems.invalid("There are json and yaml.", field="format"))
    response = HttpResponse(_described(asked), content_type=f"application/{asked}")
    response["Vary"] = "Accept"
    return response


@require_safe
@_open
def docs(request: HttpRequest) -> HttpResponse:
    """Show the description, and try it with a token of one's own."""
    return render(request, "api/docs.html")


@require_safe
def problem_list(request: HttpRequest) -> HttpResponse:
    """List every type of problem; the anchors are what `type` of a problem document names."""
    return render(request, "api/problems.html", {"types": [(one, _marked(one.what)) for one in problem_types.TYPES]})


def _marked(text: str) -> SafeString:
    """Return a text with what stands in backticks as code."""
    return mark_safe(re.sub("`(.+?)`", r"<code>\1</code>", escape(text)))  # noqa: S308  it is escaped


@functools.cache
def _described(kind: str) -> bytes:
    """Return the description. It is the same for all and takes a second to make."""
    with translation.override("en"):
        generator: Any = SchemaGenerator
        made: bytes = _FORMATS[kind]().render(generator().get_schema(request=None, public=True))
    return made
