"""The pages of homeowners and the public endpoints of partners' flows."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from onboarding.views import callback, flows, reminders

urlpatterns: list[URLPattern | URLResolver] = [
    path("home/", include("onboarding.home_urls")),
    path("join/flows/<uuid:flow>/authorize", flows.authorize, name="flow_authorize"),
    path("join/no-reminders/<str:token>/", reminders.no_reminders, name="no_reminders"),
    path("join/<slug:vendor>/auth-granted", callback.auth_granted, name="auth_granted"),
]
