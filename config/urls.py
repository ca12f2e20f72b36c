"""Where everything is mounted."""

from __future__ import annotations

from allauth.account import views as account
from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.i18n import set_language

from config import health, metrics
from gateways.api.gateways import GATEWAY_ID
from gateways.api.jwks import jwks_of_gateway
from gateways.oauth import views as oauth
from onboarding.views.reauthentication import asked_again

# Staff sign in through allauth, which knows second factors, passkeys and rate limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # allauth's documented way

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("admin/", admin.site.urls),
    path("api/", include("config.api")),
    path("oauth/", include("config.oauth")),
    path(".well-known/oauth-authorization-server", oauth.server_metadata),
    path(".well-known/oauth-protected-resource", oauth.resource_metadata),
    re_path(rf"^\.well-known/oauth-protected-resource/gateways/(?P<gateway>{GATEWAY_ID})$", oauth.gateway_metadata),
    re_path(rf"^gateways/(?P<gateway>{GATEWAY_ID})/jwks\.json$", jwks_of_gateway, name="jwks"),
    path("", include("gateways.crypto_api")),
    # allauth asks nobody before it sets a first password, which all its other questions then take.
    path("accounts/password/set/", asked_again(account.password_set), name="account_set_password"),
    path("accounts/", include("allauth.urls")),
    path("", include("onboarding.urls")),
    path("language/", set_language, name="set_language"),
]
