"""What a request may say: parameters and bodies, strictly. A name that is not known is a mistake worth telling."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as ModelError
from django.db.models import Model
from django.http import QueryDict
from rest_framework import serializers

from gateways.rest.paging import DEFAULT_LIMIT, MAX_LIMIT

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
"""ids in addresses"""


_FEW = 20


class _Strict(serializers.Serializer[Any]):
    """Refuses names it does not know, and says which values there are where they are few."""

    default_error_messages = {"invalid": "Send a JSON object."}
    ignored: ClassVar[frozenset[str]] = frozenset()
    example: ClassVar[Mapping[str, Any]] = {}

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        for field in (getattr(field, "child", field) for field in fields.values()):
            if isinstance(field, serializers.ChoiceField):
                _name_choices(field)
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := set(data) - set(self.fields) - self.ignored):
            known = ", ".join(sorted(self.fields)) or "none"
            raise serializers.ValidationError(dict.fromkeys(unknown, f"There is no such name here; known: {known}."))
        return super().to_internal_value(data)


def _name_choices(field: serializers.ChoiceField) -> None:
    if field.error_messages["invalid_choice"] == field.default_error_messages["invalid_choice"]:
        known = ", ".join(map(str, field.choices)) if len(field.choices) <= _FEW else "many, named in /api/docs"
        field.error_messages["invalid_choice"] = f'There is no "{{input}}" here; there are {known}.'


class Time(serializers.DateTimeField):
    """A time in ISO 8601 with its offset: without one nobody knows whose it is."""

    default_error_messages = {"invalid": "Give a time as ISO 8601 with Z or an offset, as 2026-06-15T12:00:00Z."}

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("invalid")
        return super().enforce_timezone(value)


class OfPartner(serializers.SlugRelatedField[Any]):
    """Names a row of the token's partner by its id; what belongs to others is unknown."""

    default_error_messages = {"does_not_exist": "There is none with the id {value}."}

    def __init__(self, model: type[Model], slug_field: str = "uid", *, path: str = "partner", **kwargs: Any) -> None:
        self._model, self._path = model, path
        super().__init__(slug_field=slug_field, queryset=model._default_manager.all(), **kwargs)

    def get_queryset(self) -> Any:
        return self._model._default_manager.filter(**{self._path: self.context["view"].caller.partner})

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except ModelError:  # no UUID at all
            self.fail("does_not_exist", value=data)


class Query(_Strict):
    """Parameters in the address. Only one that is declared as a list may be said more than once."""

    ignored = frozenset({"format"})

    def to_internal_value(self, data: QueryDict) -> Any:
        lists = {name for name, field in self.fields.items() if isinstance(field, serializers.ListField)}
        if repeated := {name for name, values in data.lists() if len(values) > 1} - lists:
            raise serializers.ValidationError(dict.fromkeys(repeated, "Say this once."))
        return super().to_internal_value({name: data.getlist(name) if name in lists else data[name] for name in data})


class PageQuery(Query):
    """Parameters of every list."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="Rows of a page at most."
    )
    cursor = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=500,
        trim_whitespace=False,
        help_text="`next_cursor` of the page before.",
    )


class Body(_Strict):
    """A JSON object that a request brings. `example` stands in the documentation."""


class Document(serializers.Serializer[Any]):
    """A JSON object of an answer. `example` stands in the documentation."""

    example: ClassVar[Mapping[str, Any]] = {}
