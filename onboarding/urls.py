"""The pages of homeowners and the public endpoints of partners' flows."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
