"""The API: every app's resources under /api/v1/."""

from __future__ import annotations

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from gateways.api.events import Events
from gateways.api.gateways import Gateways
from gateways.api.me import Me
from gateways.rest import problems

router = SimpleRouter(trailing_slash=False)
router.register("events", Events, basename="events")
router.register("gateways", Gateways, basename="gateways")

urlpatterns = [
    path("v1/me", Me.as_view({"get": "retrieve"}), name="me"),
    path("v1/", include(router.urls)),
    re_path("", problems.not_found),
]
