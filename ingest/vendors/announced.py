"""Ways in that partners have already and no adapter uses yet: kept, sealed, and warned of before they end.

A vendor's approval takes weeks and its agreement has an end date, so keys come before the adapter does. An entry goes
from here into the adapter that learns to use it. Names and fields are those of Derapi's vendor credentials, where
partners may have them already (enode_derapi.md 2.10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingest.vendors.base import ApiKey, AuthScheme, Field, OAuth2Code

_CLIENT = (Field("client_id", "Client ID", secret=False), Field("client_secret", "Client secret"))
_CLIENT_AND_KEY = (*_CLIENT, Field("api_key", "API key"))
_SMA = (
    OAuth2Code(name="oauthclient", label="OAuth client", fields=_CLIENT),
    OAuth2Code(name="customgrant", label="Custom grant", fields=_CLIENT),
)

LABELS: Mapping[str, str] = {
    "enphasevpp": "Enphase Grid Services",
    "franklinwh": "FranklinWH",
    "sma": "SMA",
    "smasbox": "SMA sandbox",
    "tesla": "Tesla",
}
"""vendors that no adapter reads yet"""

SCHEMES: Mapping[str, Sequence[AuthScheme]] = {
    "enphase": (ApiKey(name="partnerapp", label="Partner app", fields=_CLIENT_AND_KEY, for_homeowners=False),),
    "enphasevpp": (OAuth2Code(name="vpp", label="Grid Services", fields=_CLIENT_AND_KEY, approved_by_vendor=True),),
    "franklinwh": (ApiKey(name="partner", label="Partner", fields=_CLIENT, for_homeowners=False),),
    "sma": _SMA,
    "smasbox": _SMA,
    "tesla": (OAuth2Code(name="app", label="App", fields=_CLIENT),),
}
