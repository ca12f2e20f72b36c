"""Enphase's Monitoring API v4 for homeowners: a partner's developer app, to which each owner consents.

Facts: developer-v4.enphase.com (quick start, Monitoring API v4, plans), and what public clients saw of live systems.
"""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.base import (
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
from ingest.vendors.enphase import inventory, telemetry, tokens
from ingest.vendors.enphase.replies import Reply
from ingest.vendors.errors import VendorConsentDenied, VendorReplyInvalid, VendorUnsupported

_QUARTER = timedelta(minutes=15)
_NOBODYS = "none"
_NOT_TICKED = "Tick its access control in Enphase's developer portal, or take a plan that has it."


class Enphase(ConsentAdapter):
    """All systems of one owner: a consent covers every one of them.

    Its counters of a lifetime are not read. They are told of a silent system as well, and gaps are found by silence;
    and they would cost a call more.
    """

    slug = "enphase"
    label = "Enphase"
    kinds = frozenset(Kind)
    base_urls = {"api": "https://api.enphaseenergy.com"}
    color = "#f37321"
    schemes = (
        OAuth2Code(
            name="developerapp",
            label="Developer app",
            fields=(
                Field("client_id", "Client ID", secret=False),
                Field("client_secret", "Client secret"),
                Field("api_key", "API key", "Of the same application: Enphase refuses the key of another."),
            ),
            help_steps=(
                HelpStep("Sign in at developer-v4.enphase.com and create an application; the Watt plan is free."),
                HelpStep("Tick the access controls System Details, Site Level Production and Site Level Consumption."),
                HelpStep("Add this portal's address with /join/enphase/auth-granted at its end as the redirect URI."),
                HelpStep("Copy API key, client ID and client secret from the page of the application."),
            ),
            passed=PassThrough(HeaderForm.BEARER, further=(("X-enphase-api-key", "api_key"),)),
        ),
    )
    # The Watt plan: ten calls a minute and 1,000 a month for all homes of an app. A home with everything takes four
    # calls, whether they bring an hour or a day, so one home alone is read about every three and a half hours: the
    # month's quota is spread by itself. A larger plan pays for fresher data only when its numbers stand here.
    policy = PullPolicy(
        interval=timedelta(hours=1),
        # One call brings a day from its start, and a day of the calendar can have 23 hours. "week" is not understood
        # by import and export; and one window must fit into the calls of one minute, or it would never be done.
        window_cap=timedelta(hours=22),
        lookback=timedelta(hours=7),  # a gateway on a cellular modem reports every six hours
        max_lookback=timedelta(days=7),
        first_lookback=timedelta(hours=22),
        discover_every=timedelta(days=3),  # a call for the list and three for each home
        quotas=(Quota(10, timedelta(minutes=1)), Quota(1000, timedelta(days=30))),
    )
    resources = (*inventory.CHECKS, *telemetry.KINDS)
    systems_in_page = 100  # the most the vendor allows

    # --- consent -----------------------------------------------------------------------------------------------------

    def authorize_url(self, *, state: str, redirect_uri: str) -> str:
        """Return the vendor's page; what may be read was ticked when the app was made, there is no scope to ask for."""
        asked = {"response_type": "code", "client_id": self.secrets["client_id"], "redirect_uri": redirect_uri}
        return f"{self.urls['api']}/oauth/authorize?{urllib.parse.urlencode({**asked, 'state': state})}"

    def exchange(self, callback: Mapping[str, str], *, redirect_uri: str) -> Tokens:
        """Turn the callback's code, good for one use, into tokens; `Tokens.account` is the owner's `enl_uid`.

        Who says no comes back with `access_denied` and no code. Raises as `ConsentAdapter.exchange` says.
        """
        code = callback.get("code", "")
        if not code or "error" in callback:
            msg = "The owner did not agree on Enphase's page."
            raise VendorConsentDenied(msg)
        return tokens.of(self._ask_token("authorization_code", code=code, redirect_uri=redirect_uri))

    def refresh(self, refresh_token: str) -> Tokens:
        """Ask for the next pair; whether the refresh token of before lives on is not documented."""
        return tokens.of(self._ask_token("refresh_token", refresh_token=refresh_token))

    def revoke(self, refresh_token: str) -> None:  # noqa: ARG002  there is nobody to give it to
        msg = "Enphase has no call that gives a consent back; owners take it away in their Enphase account."
        raise VendorUnsupported(msg)

    def test_application(self) -> None:
        """Ask for a refresh with a token that nobody has: the refusal says whether the vendor knows the app.

        The API key cannot be tested this way, it goes with data only. Raises VendorAuthFailed, VendorError.
        """
        tokens.check_application(self._ask_token("refresh_token", refresh_token=_NOBODYS))

    # --- data --------------------------------------------------------------------------------------------------------

    def systems(self) -> list[VendorSystem]:
        """List the systems of the owner. Raises VendorError."""
        return [
            VendorSystem(str(entry["system_id"]), name=str(entry.get("name") or ""), described=False)
            for entry in self._entries()
        ]

    def describe(self, system: VendorSystem) -> VendorSystem:
        """Ask for a system's zone, its devices, and which of its meterings the vendor goes by. Raises VendorError."""
        entry, summary, devices = (self._get(_path(system, what)) for what in ("", "summary", "devices"))
        return inventory.system(system, entry, inventory.summary(summary), inventory.devices(devices))

    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page | Refused]:
        """Ask for the intervals from the start of `window`, only for what the system has: every call costs quota.

        There is no end to ask for: a day comes, or what there is of it. Raises VendorError.
        """
        # An interval that begins before the window belongs to it as well.
        start = window.start - (window.start - datetime(2000, 1, 1, tzinfo=UTC)) % _QUARTER
        query = {"start_at": int(start.timestamp()), "granularity": "day"}
        for group in telemetry.groups(system.ders):
            yield from self._group(system, group, query)

    @classmethod
    def normalize(cls, system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        """Turn a page of intervals into readings; lists of things are checked and give none.

        Exported energy comes with `page.context` {"energy_import_telemetry": the reply of before}, which makes net
        power of the two. Raises VendorReplyInvalid.
        """
        if page.resource in inventory.CHECKS:
            inventory.CHECKS[page.resource](page.body)
        else:
            yield from telemetry.readings(system, page, dropped)

    # --- calls -------------------------------------------------------------------------------------------------------

    def _entries(self) -> Iterator[Mapping[str, Any]]:
        for page in range(1, self.policy.page_budget + 1):
            reply = self._get("systems", {"page": page, "size": self.systems_in_page})
            entries = inventory.systems(reply)
            yield from entries
            # "total" counts all; a page that is not full is the last, whatever it says.
            if len(entries) < self.systems_in_page or page * self.systems_in_page == reply.get("total"):
                return
        msg = f"systems does not end after {self.policy.page_budget} pages"
        raise VendorReplyInvalid(msg)

    def _group(
        self, system: VendorSystem, resources: Sequence[str], query: Mapping[str, Any]
    ) -> Iterator[Page | Refused]:
        """Ask for what one access control opens; where that is closed, the rest of it need not be asked."""
        bodies: dict[str, Any] = {}
        for number, resource in enumerate(resources):
            reply = self._send(_path(system, resource), query)
            if reply.is_no_access:
                # An app that has not ticked it, a smaller plan and a dead token get the same 401. The system itself
                # is open to every app: this raises if the refusal is for all.
                self._get(_path(system, ""))
                reason = f"{reply.said}. {_NOT_TICKED}"
                yield from (Refused(closed, reason) for closed in resources[number:])
                return
            if not reply.is_before_all_data:
                before = dict(bodies) if resource == telemetry.EXPORT else {}
                bodies[resource] = reply.body(resource, self.clock())
                yield Page(resource, bodies[resource], before)

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self._send(path, query or {}).body(path, self.clock())

    def _send(self, path: str, query: Mapping[str, Any]) -> Reply:
        params = {"key": self.secrets["api_key"], **query}
        reply = self.http.send("GET", f"{self.urls['api']}/api/v4/{path}", params=params, bearer=True)
        return Reply(reply.status_code, reply.content)

    def _ask_token(self, grant_type: str, **given: str) -> Reply:
        """Send what all of the vendor's samples show: the app in the header, the rest in the query, no body."""
        app = f"{self.secrets['client_id']}:{self.secrets['client_secret']}"
        headers = {"Authorization": f"Basic {base64.b64encode(app.encode()).decode()}"}
        params = {"grant_type": grant_type, **given}
        reply = self.http.send("POST", f"{self.urls['api']}/oauth/token", params=params, headers=headers)
        return Reply(reply.status_code, reply.content)


def _path(system: VendorSystem, resource: str) -> str:
    return f"systems/{system.external_id}/{resource}".rstrip("/")
