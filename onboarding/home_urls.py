"""The pages of homeowners who have joined, under /home/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from onboarding.views import home, my_apps, my_consents, my_data, my_place, reconnect

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("consents/", my_consents.my_consents, name="home_consents"),
    path("consents/<uuid:uid>/", my_consents.change, name="home_sharing"),
    path("consents/<uuid:uid>/stop/<slug:purpose>/", my_consents.stop, name="home_stop"),
    path("consents/<uuid:uid>/disconnect/", my_consents.disconnect, name="home_disconnect"),
    path("consents/<uuid:uid>/reconnect/", reconnect.reconnect, name="home_reconnect"),
    path("consents/apps/<slug:client>/stop/", my_apps.stop_app, name="home_stop_app"),
    path("data/", my_data.my_data, name="home_data"),
    path("data/my-data.zip", my_data.download_csv, name="home_csv"),
    path("data/my-data.json", my_data.download_json, name="home_json"),
    path("data/delete/", my_data.delete, name="home_delete"),
    path("<slug:serial>/", home.one_home, name="home_one"),
    path("<slug:serial>/ders/<int:der>.json", home.chart, name="home_chart"),
    path("<slug:serial>/wallet/", my_place.wallet, name="home_wallet"),
    path("<slug:serial>/wallet/challenge/", my_place.wallet_challenge, name="home_wallet_challenge"),
    path("<slug:serial>/place/", my_place.place, name="home_place"),
]
