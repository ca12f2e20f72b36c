"""OpenAPI: what the views declare, and what all of them have in common.

A view says what its actions take (`queries`, `bodies`), what it answers (its serializers, each with an example), which
scope it needs, and in docstrings what it is for. The rest of an operation follows from that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from gateways.oauth import scopes
from gateways.rest import openapi

_BODY = frozenset({"POST", "PUT", "PATCH"})
_NAMED = {
    "prefix": "that of the type", "public_key": "128 hex digits", "reference": "the partner's own name for them",
    "sn": "the serial of the device", "vendor": "its short name",
}  # fmt: skip
_FORMAT = "Instead of the header Accept."
_ALWAYS = (400, 401, 403, 406, 429, 500)


class Schema(AutoSchema):
    """Describes a view by its queries, bodies and documents."""

    view: Any

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        self._describe_parameters(operation)
        if "requestBody" in operation:
            self._exemplify(operation["requestBody"]["content"], self.view.bodies[self.view.action].example)
        for code, answer in operation["responses"].items():
            self._complete(code, answer)
        if self.method == "GET":
            operation["responses"]["304"] = openapi.ref("responses", "NotModified")
        kind = "Problem" if self.view.tells_problems else "Hardware"
        for status in sorted(self._statuses()):
            operation["responses"][str(status)] = openapi.ref("responses", f"{kind}{status}")
        return operation

    def get_operation_id(self) -> str:
        action = "change" if self._action() == "partial_update" else self._action()
        name = self._subject().replace("-", "_")
        return name if name.endswith(f"_{action}") else f"{name}_{action}"

    def get_tags(self) -> list[str]:
        """Return the noun after the version; what an app asks of a home, at its hardware's address, is its own."""
        parts = [part for part in self.path.split("/") if part]
        return [parts[2].replace("-", " ") if parts[0] == "api" else "app integration"]

    def get_summary(self) -> str:
        """Return the first paragraph of the action's docstring; the framework's own actions have none."""
        own = self._said().partition("\n\n")[0]
        noun = self._subject().replace("-", " ")
        return (
            " ".join(own.split()) or {"list": f"List {noun}.", "retrieve": f"Show one of the {noun}."}[self._action()]
        )

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's
        """Return what the action's docstring says further, after what the view is about."""
        about = (type(self.view).__doc__ or "").strip()
        return "\n\n".join(filter(None, (about, self._said().partition("\n\n")[2], self._needs())))

    def get_override_parameters(self) -> list[Any]:
        asked = self.view.query_class(self.view.action)
        return [asked] if asked().fields else []

    def get_request_serializer(self) -> Any:
        return self.view.bodies.get(self._action())

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return super().get_serializer_name(serializer, direction).removesuffix("Document")

    def map_parsers(self) -> list[Any]:
        """Return what bodies are sent as: JSON, also to a view that does not look; a merge patch only to PATCH."""
        return ["application/json"] + ["application/merge-patch+json"] * (self.method == "PATCH")

    def map_renderers(self, attribute: str) -> list[Any]:
        """Return JSON first, as it is what one gets who does not say."""
        return sorted(super().map_renderers(attribute), key=lambda one: "json" not in one)

    def _resolve_path_parameters(self, variables: Any) -> list[dict[str, Any]]:
        return [self._path_parameter(name) for name in variables]

    def _is_create_operation(self) -> bool:
        return self.view.action in self.view.makes

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if not type(serializer).__doc__:
            schema.pop("description", None)  # that of the class it inherits from
        if example := getattr(serializer, "example", None):
            schema["examples"] = [dict(example)]
        if getattr(serializer, "ignored", None) is not None:  # what a request may say, strictly
            schema["additionalProperties"] = False
            for name, one in schema.get("properties", {}).items():
                _refuse_blanks(one, serializer.fields[name])
        return schema

    def _action(self) -> str:
        return cast("str", self.view.action)

    def _subject(self) -> str:
        return cast("str", getattr(self.view, "basename", None) or type(self.view).__name__.lower())

    def _said(self) -> str:
        method = getattr(type(self.view), self._action())
        told = method.__doc__ if not method.__module__.startswith("rest_framework") else ""
        return "\n".join(line.strip() for line in (told or "").strip().splitlines())

    def _needs(self) -> str:
        scope = _scope(self)
        return "Any valid token will do." if scope == scopes.ANY else f"Needs the scope `{scope}`."

    def _describe_parameters(self, operation: dict[str, Any]) -> None:
        parameters = operation.setdefault("parameters", [])
        for one in parameters:
            one.setdefault("description", _FORMAT if one["name"] == "format" else f"Only with this `{one['name']}`.")
        parameters.append(openapi.ref("parameters", "PortalVersion"))
        if self.method == "POST":
            parameters.append(openapi.ref("parameters", "IdempotencyKey"))
        if self.method == "GET":
            parameters.append(openapi.ref("parameters", "IfNoneMatch"))

    def _path_parameter(self, name: str) -> dict[str, Any]:
        given = re.search(rf"\(\?P<{name}>(\[[^()]*?)\)", self.path_regex)
        pattern = {"pattern": f"^{given[1]}$"} if given else {}
        said = f"Which {name.replace('_', ' ')}: {_NAMED.get(name, 'its id')}."
        return {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", **pattern},
            "description": said,
        }

    def _complete(self, code: str, answer: dict[str, Any]) -> None:
        answer["description"] = answer.get("description") or _MEANINGS.get(code, "Done.")
        content = answer.get("content", {})
        for media_type in content:
            if "json" not in media_type:
                content[media_type] = {"schema": {"type": "string"}}
        self._exemplify(content, self._example(content))
        answer["headers"] = {name: openapi.ref("headers", key) for name, key in self._headers(code)}

    def _headers(self, code: str) -> Iterator[tuple[str, str]]:
        yield from openapi.EVERYWHERE.items()
        if code == "201":
            yield "Location", "Location"
        if self.method == "GET":
            yield "ETag", "ETag"
            if self._paged():
                yield "Link", "Link"
        if self.method == "POST":
            yield "Idempotent-Replayed", "IdempotentReplayed"

    def _paged(self) -> bool:
        return self._action() == "list" and self.view.pagination_class is not None

    def _example(self, content: Mapping[str, Any]) -> Any:
        schema: Any = next((one["schema"] for kind, one in content.items() if "json" in kind), {})
        while "$ref" in schema:
            found = next(one for one in self.registry._components.values() if one.ref == schema)  # noqa: SLF001
            schema = found.schema
        return _sample(schema, lambda one: self._example({"json": {"schema": one}}))

    def _exemplify(self, content: dict[str, Any], example: Any) -> None:
        for media_type, one in content.items():
            if example and "json" in media_type:
                one["example"] = example

    def _statuses(self) -> set[int]:
        found = {*_ALWAYS, *self.view.may_fail.get(self._action(), ()), *self.view.may_fail.get("*", ())}
        if "{" in self.path:
            found.add(404)
        if self.method != "GET":
            found |= {409, 422}
        if self.method in _BODY:
            found |= {413, 415}
        return found


_MEANINGS = {"200": "Done.", "201": "Made; its address is in `Location`.", "204": "Done; there is nothing to tell."}


def _sample(schema: Mapping[str, Any], of: Any) -> Any:
    """Return an example of a schema: its own, or one made of those of its parts."""
    if schema.get("examples"):
        return schema["examples"][0]
    for kind in ("oneOf", "anyOf", "allOf"):
        if kind in schema:
            return of(schema[kind][0])
    if schema.get("type") == "array":
        return [of(schema["items"])]
    if schema.get("type") == "object" and "properties" in schema:
        return {name: of(one) for name, one in schema["properties"].items()}
    return None


def _refuse_blanks(schema: dict[str, Any], field: Any) -> None:
    if schema.get("type") == "string" and not getattr(field, "allow_blank", True):
        schema.setdefault("minLength", 1)
        if schema.get("default") == "":  # it cannot be said, only left out
            del schema["default"]


def _scope(schema: AutoSchema) -> str:
    view = cast("Any", schema.view)
    return cast("str", view.required_scope if schema.method == "GET" else view.write_scope or view.required_scope)


class OAuth2(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells how a token is got, and what each operation needs of it."""

    target_class = "gateways.rest.authentication.BearerToken"
    name = ["oauth2", "token"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> Any:
        scope = _scope(auto_schema)
        return [{"oauth2": [scope] if scope in scopes.ALL else []}, {"token": []}]

    def get_security_definition(self, auto_schema: AutoSchema) -> Any:
        del auto_schema
        return [openapi.oauth2(), {"type": "http", "scheme": "bearer", "description": "A token you have already."}]
