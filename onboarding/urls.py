"""The pages of homeowners and the public endpoints of partners' flows."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from onboarding.views import branding, callback, flows, reminders, steps, wallet, welcome

urlpatterns: list[URLPattern | URLResolver] = [
    # Signing in leads everybody who is signed in already to where they belong.
    path("", RedirectView.as_view(pattern_name="account_login"), name="front_page"),
    path("home/", include("onboarding.home_urls")),
    path("join/flows/<uuid:flow>/authorize", flows.authorize, name="flow_authorize"),
    path("join/flows/sessions/<uuid:session>/", flows.keys, name="flow_keys"),
    path("no-reminders/<str:token>/", reminders.no_reminders, name="no_reminders"),
    path("join/<slug:vendor>/auth-granted", callback.auth_granted, name="auth_granted"),
    path("join/<slug:slug>/", welcome.welcome, name="join_welcome"),
    path("join/<slug:slug>/i/<str:token>/", welcome.invited, name="join_invited"),
    path("join/<slug:slug>/brand.css", branding.brand_css, name="join_brand_css"),
    path("join/<slug:slug>/logo", branding.logo, name="join_logo"),
    path("join/<slug:slug>/start/", welcome.start, name="join_start"),
    path("join/<slug:slug>/stop/", welcome.stop, name="join_stop"),
    path("join/<slug:slug>/wallet/challenge/", wallet.challenge, name="join_challenge"),
    path("join/<slug:slug>/<slug:step>/", steps.page, name="join_step"),
]
