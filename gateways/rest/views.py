"""What every resource of the API inherits: one partner, one scope, and how answers come out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone, translation
from django.utils.cache import get_conditional_response, set_response_etag
from rest_framework import exceptions
from rest_framework.pagination import BasePagination
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from gateways.events import By
from gateways.models import IdempotentRequest
from gateways.oauth.tokens import Caller
from gateways.rest import idempotency, limits, parsers, problems, renderers, versions
from gateways.rest.authentication import BearerToken, HasScope
from gateways.rest.paging import CursorPages
from gateways.rest.requests import UUID, Body, PageQuery, Query
from gateways.rest.schema import Schema

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Endpoint(GenericViewSet[Any]):
    """A view that answers to clients with a token. Concrete ones say which scope they need, or do not import."""

    required_scope: ClassVar[str]
    write_scope: ClassVar[str] = ""
    """for methods that change something; empty: the same"""
    queries: ClassVar[Mapping[str, type[Query]]] = {}
    """parameters by action; a list has those of pages if nothing is said"""
    bodies: ClassVar[Mapping[str, type[Body]]] = {}
    """bodies by action"""
    makes: ClassVar[frozenset[str]] = frozenset({"create"})
    """actions that answer 201 with the address of what they made"""
    may_fail: ClassVar[Mapping[str, Collection[int]]] = {}
    """by action, or "*": statuses of problems beside those of every view, for the documentation"""
    tells_problems: ClassVar[bool] = True
    """whether errors are problem documents; an address that looks like hardware has its own"""
    newest_first: ClassVar[bool] = False

    authentication_classes = (BearerToken,)
    permission_classes: tuple[type[BasePermission], ...] = (HasScope,)
    throttle_classes = (limits.PerClient,)
    renderer_classes: Sequence[type[BaseRenderer]] = (renderers.Json, renderers.Csv)
    parser_classes = (parsers.Json, parsers.MergePatch)
    pagination_class: type[BasePagination] | None = CursorPages
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    schema = Schema()

    query: dict[str, Any]
    limit_headers: Mapping[str, str] = {}
    version = versions.LATEST
    """that of the client, as soon as it is known whose request this is"""
    _repeatable: IdempotentRequest | None = None

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not abstract and not getattr(cls, "required_scope", ""):
            msg = f"{cls.__qualname__} does not say which scope it needs: set required_scope."
            raise TypeError(msg)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Take a request, and speak English whatever languages it prefers: programs read what is said."""
        translation.activate("en")
        return super().initialize_request(request, *args, **kwargs)

    @property
    def caller(self) -> Caller:
        caller = self.request.auth
        assert isinstance(caller, Caller)  # noqa: S101  HasScope lets nobody else in
        return caller

    @property
    def by(self) -> By:
        """Who does what is done here, as actions and events take it."""
        return self.caller.user or self.caller.name

    def scope_for(self, request: Request) -> str:
        """Return the scope that a request needs."""
        return self.required_scope if request.method in _SAFE else self.write_scope or self.required_scope

    def body(self) -> dict[str, Any]:
        """Return what the request's body says. Raises ValidationError."""
        given = self.bodies[self.action](data=self.request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        checked: dict[str, Any] = given.validated_data
        return checked

    def names_of_body(self) -> dict[str, str]:
        """Return what the request's body calls things, by the names that actions have for them."""
        body = self.bodies.get(self.action or "")
        return {str(field.source): name for name, field in body().fields.items()} if body else {}

    def document(self, row: Any) -> dict[str, Any]:
        """Return a row as the answer shows it."""
        shown: dict[str, Any] = self.get_serializer(row).data
        return shown

    def created(self, shown: dict[str, Any], view_name: str, **where: str) -> Response:
        """Answer with what was made, and with its address: that of a view with these parts of the path."""
        address = reverse(view_name, kwargs=where, request=self.request)
        return Response(shown, status=201, headers={"Location": address})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check all that is the same for every resource, before the view begins."""
        super().initial(request, *args, **kwargs)
        self.version = versions.chosen(request.headers.get(versions.HEADER, ""), self.caller.client.api_version)
        asked = self.query_class(self.action)(data=request.query_params)
        asked.is_valid(raise_exception=True)
        self.query = asked.validated_data
        self._repeatable = idempotency.begin(request, self.caller, now=timezone.now())

    def query_class(self, action: str | None) -> type[Query]:
        """Return which parameters an action takes."""
        return self.queries.get(action or "", PageQuery if action == "list" else Query)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002  DRF's
        """Choose the renderer; a `format` that there is not is told as such, not as a page that is not there."""
        try:
            return super().perform_content_negotiation(request, force)
        except Http404 as error:
            known = ", ".join(sorted(renderer.format for renderer in self.renderer_classes))
            raise exceptions.ValidationError(
                {"format": [f"There is no such format here; there are {known}."]}
            ) from error

    def get_exception_handler(self) -> Any:
        return problems.handler

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a repeated request as the first time, all else as a problem document."""
        if isinstance(exc, idempotency.AlreadyDone):
            return exc.response
        if isinstance(exc, (exceptions.NotAuthenticated, exceptions.AuthenticationFailed)):
            exc.auth_header = self.get_authenticate_header(self.request)  # type: ignore[union-attr]
        response: Response = problems.handler(exc, self.get_exception_handler_context())
        response.exception = True
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say what is the same for every answer, and keep it where the request may be repeated."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code >= 400 and isinstance(response, Response):
            response.accepted_renderer, response.content_type = renderers.Json(), problems.CONTENT_TYPE
        if self._repeatable is not None and self._repeatable.pk:
            idempotency.finish(self._repeatable, response)
        for name, value in {**self.limit_headers, versions.HEADER: self.version}.items():
            response[name] = value
        response["Vary"] = "Authorization, Accept, Portal-Version"
        if _may_be_kept(request, response):
            response["Cache-Control"] = "private, no-cache"
            response.add_post_render_callback(lambda rendered: _unless_known(request, rendered))
        return response


class Resource(Endpoint, abstract=True):
    """Rows of one kind that belong to a partner: the token's, or the view does not import."""

    model: ClassVar[type[Model]]
    partner_path: ClassVar[str]
    """how a row leads to its partner, e.g. "gateway__partner" """
    lookup_field = "uid"
    lookup_value_regex = UUID

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(abstract=abstract, **kwargs)
        if not abstract and not (getattr(cls, "model", None) and getattr(cls, "partner_path", "")):
            msg = f"{cls.__qualname__} does not say how its rows lead to their partner: set model and partner_path."
            raise TypeError(msg)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer as every endpoint does; a row that somebody deleted meanwhile is not there."""
        of: Any = self.model
        return super().handle_exception(Http404() if isinstance(exc, of.DoesNotExist) else exc)

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows of the token's partner that this caller may see, as the parameters narrow them."""
        mine = self.model._default_manager.filter(**{self.partner_path: self.caller.partner})
        return self.narrow(self.reach(mine))

    def fresh(self, row: Model) -> dict[str, Any]:
        """Return a row that has changed as the answer shows it, read again with what `reach` adds to it."""
        return self.document(self.get_queryset().get(pk=row.pk))

    def reach(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the partner that this caller may see: all of them, if a view does not say more."""
        return rows

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows that the parameters ask for. By itself a parameter's `source` is a look-up, and its value."""
        asked = {name: value for name, value in self.query.items() if name not in {"limit", "cursor"}}
        return rows.filter(**{name: value for name, value in asked.items() if value not in (None, "")})


def _may_be_kept(request: Request, response: Any) -> bool:
    """Return whether a client may keep an answer and ask whether it still holds; a view can say `no-store`."""
    read = request.method in {"GET", "HEAD"} and response.status_code == 200 and isinstance(response, Response)
    return read and not response.has_header("Cache-Control")


def _unless_known(request: Request, response: Any) -> Any:
    """Answer 304 to who has this very content already."""
    set_response_etag(response)
    return get_conditional_response(request._request, etag=response["ETag"], response=response)  # noqa: SLF001
