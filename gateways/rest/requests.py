"""What a request may say: parameters and bodies, strictly. A name that is not known is a mistake worth telling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from gateways.rest.paging import DEFAULT_LIMIT, MAX_LIMIT


class _Strict(serializers.Serializer[Any]):
    """Refuses names it does not know."""

    ignored: ClassVar[frozenset[str]] = frozenset()
    example: ClassVar[Mapping[str, Any]] = {}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := set(data) - set(self.fields) - self.ignored):
            known = ", ".join(sorted(self.fields)) or "none"
            raise serializers.ValidationError(dict.fromkeys(unknown, f"There is no such name here; known: {known}."))
        return super().to_internal_value(data)


class Query(_Strict):
    """Parameters in the address."""

    ignored = frozenset({"format"})


class PageQuery(Query):
    """Parameters of every list."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="Rows of a page at most."
    )
    cursor = serializers.CharField(
        default="", max_length=500, trim_whitespace=False, help_text="`next_cursor` of the page before."
    )


class Body(_Strict):
    """A JSON object that a request brings. `example` stands in the documentation."""


class Document(serializers.Serializer[Any]):
    """A JSON object of an answer. `example` stands in the documentation."""

    example: ClassVar[Mapping[str, Any]] = {}
