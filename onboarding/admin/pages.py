"""What the pages of the admin that are no list and no row have in common."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views import View

from gateways import maps


class AdminPage(View):
    """A page that stands in the frame of the admin and belongs to a model's."""

    model_admin: Any = None
    request: HttpRequest

    @property
    def user(self) -> User:
        assert isinstance(self.request.user, User)  # noqa: S101  the admin lets nobody in who is not signed in
        return self.request.user

    def show(self, template: str, title: str, **context: Any) -> HttpResponse:
        site = self.model_admin.admin_site.each_context(self.request)
        page = {
            **site,
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "title": title,
            **maps.context(),
            **context,
        }
        return TemplateResponse(self.request, template, page).render()
