"""A partner with a flow, a vendor that does as a test tells it, and the browser that goes between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateways.models import Partner
from ingest import credentials
from ingest.models import VendorCredential
from ingest.vendors.base import ApiKey, Approval, ConsentAdapter, Field, HelpStep, OAuth2Code, Tokens, VendorSystem
from ingest.vendors.errors import VendorAuthFailed, VendorConsentDenied, VendorError
from onboarding import flows
from onboarding.models import JoinFlow
from tests import factories
from tests.factories import NOW
from tests.ingest.vendor import Fake, home

BACK = "https://partner.example/done?from=portal"
STATE = "a b/c&d#e=%2B+ö"  # what a partner must get back as it is
_APP = (Field("client_id", "Id"), Field("client_secret", "Secret"))


class Scripted(Fake, ConsentAdapter):
    """Stands for Enphase. A code is `<account>` for a yes; `said` is raised when the code is exchanged."""

    slug = "enphase"
    label = "Enphase"
    schemes = (
        OAuth2Code(name="app", label="App", fields=_APP),
        OAuth2Code(name="grid", label="Grid services", fields=_APP, approved_by_vendor=True),
        OAuth2Code(name="fleet", label="Fleet", fields=_APP, for_homeowners=False),
    )
    said: ClassVar[Exception | None] = None
    down: ClassVar[VendorError | None] = None
    approves: ClassVar[Approval] = Approval.PENDING

    def authorize_url(self, *, state: str, redirect_uri: str) -> str:
        query = {"state": state, "redirect_uri": redirect_uri, "client_id": self.secrets["client_id"]}
        return f"https://vendor.example/authorize?{urlencode(query)}"

    def exchange(self, callback: Mapping[str, str], *, redirect_uri: str) -> Tokens:
        if self.said:
            raise self.said
        if "error" in callback:
            raise VendorConsentDenied("no")
        return Tokens("SECRET-access", "SECRET-refresh", timedelta(hours=2), account=callback["code"])

    def refresh(self, refresh_token: str) -> Tokens:
        raise NotImplementedError

    def revoke(self, refresh_token: str) -> None:
        """Give back a consent."""

    def test_application(self) -> None:
        """Know every application."""

    def approval(self) -> Approval:
        return self.approves

    def systems(self) -> list[VendorSystem]:
        if self.down:
            raise self.down
        return list(self.homes)


class Keyed(Fake):
    """Stands for Solis: one key is right."""

    schemes = (ApiKey(name="key", label="Key", fields=(Field("key", "Key"),), help_steps=(HelpStep("Copy the key."),)),)

    def systems(self) -> list[VendorSystem]:
        if self.secrets["key"] not in ("right", "another"):
            raise VendorAuthFailed("HTTP 403")
        return [home(f"{self.secrets['key']} home", sn=f"PV-{self.secrets['key']}")]


class Site:
    """A partner's side: its flow, and how its visitors' browsers begin."""

    def __init__(self, partner: Partner | None = None, **fields: Any) -> None:
        self.partner = partner or factories.partner()
        if not self.partner.gateway_types.exists():
            factories.gateway_type(self.partner)
        self.application = self.partner.credentials.first() or application(self.partner)
        values: dict[str, Any] = {
            "vendors": {"enphase": self.application, "solis": None}, "redirect_uri": BACK, "purposes": ["rewards"],
            "kinds": ["pv", "battery", "meter"], "name": "Website", **fields,
        }  # fmt: skip
        self.flow: JoinFlow = flows.create_flow(partner=self.partner, by="test", now=timezone.now(), **values)

    def link(self, vendor: str = "enphase", user: str = "user-7", state: str | None = STATE, **more: str) -> str:
        query = {"vendor": vendor, "user": user, **({} if state is None else {"state": state}), **more}
        return f"{reverse('flow_authorize', args=[self.flow.uid])}?{urlencode(query)}"

    def begin(self, browser: Client, **link: Any) -> dict[str, str]:
        """Follow the link to the vendor; return what the vendor is asked with."""
        reply = browser.get(self.link(**link))
        assert reply.status_code == 302, reply.content.decode()
        assert reply["Location"].startswith("https://vendor.example/authorize?")
        return dict(parse_qsl(urlsplit(reply["Location"]).query))

    def join(self, browser: Client, code: str = "anna", **link: Any) -> dict[str, str]:
        """Go the whole way with a yes; return what the partner is told."""
        return self.told(come_back(browser, code=code, state=self.begin(browser, **link)["state"]))

    def open_form(self, browser: Client, **link: Any) -> str:
        """Follow the link to our form for keys; return its address."""
        reply = browser.get(self.link(vendor="solis", **link))
        assert reply.status_code == 302, reply.content.decode()
        return reply["Location"]

    def told(self, reply: Any) -> dict[str, str]:
        """Return what a browser takes back to the partner, to the flow's address and to no other."""
        assert reply.status_code == 302, reply.content.decode()
        assert reply["Location"].startswith(f"{self.flow.redirect_uri}&"), reply["Location"]
        return dict(parse_qsl(urlsplit(reply["Location"]).query, keep_blank_values=True))


def application(partner: Partner, scheme: str = "app", name: str = "App") -> VendorCredential:
    return credentials.add(
        partner=partner, vendor="enphase", scheme=scheme, name=name, by="test", now=NOW,
        secrets={"client_id": "app-1", "client_secret": "SECRET-app"},
    )  # fmt: skip


def come_back(browser: Client, vendor: str = "enphase", **callback: str) -> Any:
    return browser.get(reverse("auth_granted", args=[vendor]), callback)
