"""The OAuth2 server: what of it is served, under /oauth/.

Never the package's own list of addresses: that has pages where anybody who is signed in makes clients.
"""

from __future__ import annotations

from django.urls import path

from gateways.oauth import views
from onboarding.views.authorize import authorize

app_name = "oauth2_provider"

urlpatterns = [
    path("authorize/", authorize, name="authorize"),
    path("token/", views.token, name="token"),
    path("revoke_token/", views.revoke, name="revoke-token"),
    path("introspect/", views.introspect, name="introspect"),
    # Many leave the slash out, and a redirect to it would make a GET of their POST.
    path("token", views.token),
    path("revoke_token", views.revoke),
    path("introspect", views.introspect),
]
