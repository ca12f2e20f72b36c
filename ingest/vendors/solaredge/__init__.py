"""SolarEdge Monitoring API V2, read with a Fleet Access key in `X-API-Key` or with an owner's consent (Site Access).

Facts: api-docs.solaredge.com (Basic Monitoring API, "Migrating from V1 to V2") and live replies of August 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.base import (
    ApiKey,
    AuthScheme,
    ConsentAdapter,
    Dropped,
    Field,
    HeaderForm,
    HelpStep,
    OAuth2Code,
    Page,
    PassThrough,
    PullPolicy,
    Quota,
    Refused,
    Tokens,
    VendorSystem,
    Window,
)
from ingest.vendors.errors import VendorAuthFailed, VendorReplyInvalid
from ingest.vendors.http import excerpt, read_json
from ingest.vendors.solaredge import consent, inventory, refusals, telemetry

_QUARTER = timedelta(minutes=15)


class SolarEdge(ConsentAdapter):
    """The sites one Fleet key sees, or the one site an owner's consent opens.

    PV is one DER per site, from the site's power and energy: a hybrid inverter's own power includes its battery.
    """

    slug = "solaredge"
    label = "SolarEdge"
    kinds = frozenset({Kind.PV, Kind.BATTERY, Kind.METER})
    base_urls = {"api": "https://monitoringapi.solaredge.com", "connect": "https://connect.solaredge.com"}
    color = "#c8102e"
    schemes: ClassVar[Sequence[AuthScheme]] = (
        ApiKey(
            name="apikey",
            label="Fleet Access",
            fields=(Field("api_key", "App API key", "The key of your Fleet Access app, for Monitoring API V2."),),
            help_steps=(
                HelpStep("Sign in at developer.solaredge.com with the account that manages your fleet."),
                HelpStep("Create an app with Fleet Access and the Basic Monitoring API."),
                HelpStep("Copy the App API key. Keys of the old monitoring portal (V1) do not work any more."),
            ),
            for_homeowners=False,
            passed=PassThrough(HeaderForm.KEY, fields=("api_key",)),
        ),
        OAuth2Code(
            name="siteaccess",
            label="Site Access",
            fields=(
                Field("client_id", "Client ID", "Of your Site Access app.", secret=False),
                Field("client_secret", "Client secret", "Shown next to the client ID."),
            ),
            help_steps=(
                HelpStep("Sign in at developer.solaredge.com with your company's account."),
                HelpStep("Create an app with Site Access and the scopes SITE_DATA and DEVICE_DATA."),
                HelpStep("Enter the redirect URL shown here as the app's default redirect URL; no other is used."),
                HelpStep("Copy the client ID and the client secret."),
            ),
        ),
    )
    policy = PullPolicy(
        interval=_QUARTER,
        window_cap=timedelta(hours=12),  # documented for QUARTER_HOUR; longer ones may be refused with 400
        lookback=timedelta(hours=3),
        max_lookback=timedelta(days=7),
        first_lookback=timedelta(days=2),
        # The free tier: ten calls a minute, 2,000 credits a billing month, one call is one credit.
        quotas=(Quota(10, timedelta(minutes=1)), Quota(2000, timedelta(days=30))),
    )
    resources = (*inventory.CHECKS, *telemetry.OF_SITE, *telemetry.BY_SERIAL)
    sites_in_page = 1000  # the most the vendor allows

    def authorize_url(self, *, state: str, redirect_uri: str) -> str:  # noqa: ARG002  the vendor has it with the app
        return self._application().authorize_url(state)

    @classmethod
    def state_of(cls, callback: Mapping[str, str]) -> str:
        return consent.state_of(callback)

    def exchange(self, callback: Mapping[str, str], *, redirect_uri: str) -> Tokens:  # noqa: ARG002  as above
        code, site_id = consent.answer(callback)
        given = self._application().exchange(code)
        # A callback comes through a browser, which can put another site's id into it: only what the token opens counts.
        (site,) = inventory.sites([self._get(f"/sites/{site_id}", token=given.access_token)])
        return replace(given, account=str(site["siteId"]))

    def refresh(self, refresh_token: str) -> Tokens:
        return self._application().refresh(refresh_token)

    def revoke(self, refresh_token: str) -> None:
        self._application().revoke(refresh_token)

    def test_application(self) -> None:
        self._application().test()

    def systems(self) -> list[VendorSystem]:
        """List the sites of the key or the consent that are in operation. Raises VendorError."""
        return [
            VendorSystem(str(site["siteId"]), name=str(site.get("name") or ""), described=False)
            for site in self._sites()
            if site.get("activationStatus") != "PENDING"
        ]

    def describe(self, system: VendorSystem) -> VendorSystem:
        """Ask for a site's time zone and devices: two calls, each a credit. Raises VendorError."""
        path = f"/sites/{system.external_id}"
        details = self._get(path)
        try:
            devices = self._get(f"{path}/devices", {"types": ["INVERTER", "METER", "BATTERY"]})
        except refusals.DevicesRefused:
            return inventory.system_as_known(system, details)
        return inventory.system(system, details, inventory.devices(devices))

    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page | Refused]:
        """Ask for the quarter hours of `window`, only for what the site has: every call costs a credit.

        Pages carry `from`, `to` (site time with offset) and `resolution` in their context. A consent without the right
        to devices still opens what the site itself measures. Raises VendorError.
        """
        zone = ZoneInfo(system.timezone)
        start, end = (_quarter_hour(at).astimezone(zone).isoformat() for at in (window.start, window.end))
        if start == end:
            return
        query = {"from": start, "to": end, "resolution": "QUARTER_HOUR"}
        for resource in telemetry.asked_for({der.key.kind for der in system.ders}):
            yield self._asked(system, resource, query)

    @classmethod
    def normalize(cls, system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        """Turn a page into readings at the END of each closed bucket; lists of things are checked and give none.

        For a system with known DERs, others are left alone (a production meter is no grid meter). Without them, each
        serial of the page is taken, and the site's PV is called "pv". Raises VendorReplyInvalid.
        """
        if page.resource in inventory.CHECKS:
            inventory.CHECKS[page.resource](page.body)
        else:
            yield from telemetry.readings(system, page, dropped)

    def _asked(self, system: VendorSystem, resource: str, query: Mapping[str, str]) -> Page | Refused:
        try:
            return Page(resource, self._get(f"/sites/{system.external_id}/{resource}", query), query)
        except refusals.DevicesRefused as error:
            return Refused(resource, str(error))

    def _sites(self) -> Iterator[Mapping[str, Any]]:
        if self._by_consent:  # it opens one site, and no list
            yield from inventory.sites([self._get(f"/sites/{self.account}")])
            return
        # Whether `count` is that of the page or of all is not documented: a page that is not full is the last.
        for page in range(1, self.policy.page_budget + 1):
            sites = inventory.sites(self._get("/sites", {"page": page, "sites-in-page": self.sites_in_page}))
            yield from sites
            if len(sites) < self.sites_in_page:
                return
        msg = f"/sites does not end after {self.policy.page_budget} pages"
        raise VendorReplyInvalid(msg)

    @property
    def _by_consent(self) -> bool:
        return isinstance(self.scheme, OAuth2Code)

    def _application(self) -> consent.Application:
        return consent.Application(self.http, self.urls, self.secrets["client_id"], self.secrets["client_secret"])

    def _get(self, path: str, query: Mapping[str, Any] | None = None, *, token: str = "") -> Any:
        """Ask with the key, with the account's own tokens, or with a `token` that is not the account's yet."""
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        elif not self._by_consent:
            headers["X-API-Key"] = self._key()
        own_token = self._by_consent and not token
        reply = self.http.send("GET", f"{self.urls['api']}/v2{path}", params=query, headers=headers, bearer=own_token)
        if reply.status_code == HTTPStatus.OK:
            return read_json(reply)
        said = f"GET {path}: HTTP {reply.status_code} {refusals.reason(reply.content) or excerpt(reply.content)}"
        error = refusals.error_by_consent if self._by_consent else refusals.error
        raise error(path, reply.status_code, reply.headers, said)

    def _key(self) -> str:
        key = self.secrets.get("api_key", "").strip()
        if not key or not key.isascii() or not key.isprintable():
            msg = "The API key is empty or holds characters that no key has."
            raise VendorAuthFailed(msg)
        return key


def _quarter_hour(at: datetime) -> datetime:
    # An unaligned window would cut its first bucket in two; the rest of its last one belongs to the next window.
    return at - (at - datetime(2000, 1, 1, tzinfo=UTC)) % _QUARTER
