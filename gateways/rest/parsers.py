"""What bodies of requests look like: JSON in UTF-8 (RFC 8259, 8.1), and no more of it than anybody needs."""

from __future__ import annotations

from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from rest_framework.parsers import BaseParser

from gateways.rest.problems import Problem, invalid, problem_of

MOST_BYTES = 65_536


class Json(BaseParser):
    """JSON, read up to a limit; orjson refuses what is nested so deeply that Python's own parser gives up."""

    media_type = "application/json"

    def parse(self, stream: Any, *_: Any, **__: Any) -> Any:
        raw = stream.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise too_large()
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            msg = f"The body is no JSON in UTF-8: {error}."
            raise invalid(msg) from error


class MergePatch(Json):
    """JSON Merge Patch (RFC 7396): what a body does not name stays, null takes away."""

    media_type = "application/merge-patch+json"


def too_large() -> Problem:
    """Return the problem of a body that is longer than any that is asked for."""
    return Problem("too-large", f"A body has at most {MOST_BYTES} bytes.")


@problem_of.register
def _(error: RequestDataTooBig) -> Problem:
    """Tell the same of what Django refuses to read, which is more than ten times that."""
    del error
    return too_large()
