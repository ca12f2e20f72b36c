"""OpenAPI: what the views declare, and what all of them have in common."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema


class Schema(AutoSchema):
    """Describes a view by its queries, bodies and documents."""

    view: Any

    def get_override_parameters(self) -> list[Any]:
        return [self.view.query_class(self.view.action)]

    def get_request_serializer(self) -> Any:
        return self.view.bodies.get(self.view.action)
