"""`manage.py seed_sandbox`: a sandbox partner with an admin, two homes ready to send, a join page, API clients.

The sandbox must be running. What is there already is left as it is, so the command can be run again at any time.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from decimal import Decimal
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db.models import F
from django.utils import timezone

from gateways import actions as gateway_actions
from gateways.models import Gateway, GatewayType, Membership, Partner
from ingest import adapters, connections, credentials, discovery
from ingest.models import Connection, Der, System, VendorCredential
from ingest.sen.errors import SenError
from ingest.vendors.base import VendorAdapter
from ingest.vendors.errors import VendorError
from ingest.vendors.http import VendorHttp
from onboarding import actions, sandbox_clients, vendor_oauth
from onboarding.models import JoinPage

EMAIL = "admin@sunny.example"
_BY = "seed"
# The stand-ins know these accounts; the wallet is a published example (sen.md 15) whose key is nobody's secret.
_SOLIS = {"key_id": "sandbox-key", "key_secret": "sandbox-secret"}
_SOLAREDGE = {"api_key": "sandbox-fleet-key"}
# The vendors' developer portals know these applications; where they send browsers back to, each portal tells them.
_APPLICATIONS = {
    "enphase": (
        "developerapp",
        {"client_id": "sandbox-enphase", "client_secret": "sandbox-enphase-secret", "api_key": "sandbox-enphase-key"},
    ),
    "solaredge": ("siteaccess", {"client_id": "sandbox-solaredge", "client_secret": "sandbox-solaredge-secret"}),
}
_WALLET = "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF"
_PLACE = (Decimal("59.3293"), Decimal("18.0686"))  # where the vendor knows no place


class Command(BaseCommand):
    help = "Seed a sandbox partner with an admin user, a gateway type, two homes (Solis, SolarEdge) and a join page."

    def handle(self, *_: Any, **__: Any) -> None:
        now = timezone.now()
        partner, _created = Partner.objects.get_or_create(slug="sunny", defaults={"name": "Sunny Homes"})
        self._admin(partner)
        gateway_type = GatewayType.objects.filter(partner=partner).first() or gateway_actions.create_gateway_type(
            partner=partner, name="Sunny cloud", prefix="sunny", by=_BY, now=now
        )
        try:
            for connection in (_solis(partner, now), _solaredge(partner, now)):
                self._home(connection, gateway_type, now)
            for vendor in _APPLICATIONS:
                _application(partner, vendor, now)
        except (VendorError, SenError) as error:
            msg = f"{type(error).__name__}: {error}\nIs the sandbox running? Start it with: python -m sandbox"
            raise CommandError(msg) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error

        JoinPage.objects.get_or_create(
            partner=partner, defaults={"gateway_type": gateway_type, "support_email": EMAIL, "color": "#b35900"}
        )
        for shown_once in sandbox_clients.seed(partner=partner, by=_BY, now=now):
            self.stdout.write(f"Client of the API (shown only this once), {shown_once}")

    def _admin(self, partner: Partner) -> None:
        if User.objects.filter(email=EMAIL).exists():
            return
        password = secrets.token_urlsafe(12)
        admin = User.objects.create_superuser("admin", EMAIL, password)
        EmailAddress.objects.create(user=admin, email=EMAIL, verified=True, primary=True)
        Membership.objects.create(partner=partner, user=admin, role=Membership.Role.OWNER)
        self.stdout.write(self.style.SUCCESS(f"Sign in as {EMAIL} with the password {password} (shown only this once)"))

    def _home(self, connection: Connection, gateway_type: GatewayType, now: datetime) -> None:
        """Take one system of the connection to SEN, unless one is there already."""
        if connection.systems.filter(gateway__status=Gateway.Status.ACTIVE).exists():
            return
        adapter = adapters.open_account(connection, clock=timezone.now)
        if connection.discovered_at is None:
            discovery.discover(connection, adapter, now)
        system = _rich_system(connection, adapter)
        gateway = actions.give_gateway(system=system, gateway_type=gateway_type, by=_BY, now=now)
        actions.bring_to_life(gateway=gateway, wallet=_WALLET, place=_place(system), by=_BY, now=now)


def _rich_system(connection: Connection, adapter: VendorAdapter) -> System:
    """Return the first system with PV, battery and meter; the vendors' quotas allow no look at all of them."""
    systems = connection.systems.order_by(F("gateway").asc(nulls_last=True), "external_id").prefetch_related("ders")
    for listed in systems:
        system = discovery.up_to_date(listed, adapter, timezone.now())
        if system.gateway_id or len({der.kind for der in system.ders.all()}) == len(Der.Kind):
            return system
    msg = f"The sandbox shows no home with PV, battery and meter for {connection}."
    raise CommandError(msg)


def _solis(partner: Partner, now: datetime) -> Connection:
    found = Connection.objects.filter(partner=partner, vendor="solis", owner=None).first()
    return found or connections.connect(
        partner=partner, vendor="solis", label="Sandbox homeowner", secrets=_SOLIS, by=_BY, now=now
    )


def _solaredge(partner: Partner, now: datetime) -> Connection:
    found = Connection.objects.filter(partner=partner, vendor="solaredge", owner=None).first()
    if found:
        return found
    credential = credentials.add(
        partner=partner, vendor="solaredge", name="Sandbox fleet", secrets=_SOLAREDGE, by=_BY, now=now
    )
    return connections.connect(
        partner=partner, vendor="solaredge", label="Sandbox fleet", credential=credential, by=_BY, now=now
    )


def _application(partner: Partner, vendor: str, now: datetime) -> None:
    """Register the application that homeowners consent to, with our address, and keep it. Raises VendorError."""
    scheme, secrets = _APPLICATIONS[vendor]
    app = {**secrets, "redirect_uri": vendor_oauth.redirect_uri(vendor)}
    VendorHttp(user_agent=settings.USER_AGENT).send("POST", f"{settings.SANDBOX_URL}/{vendor}/__admin/apps", json=app)
    if not VendorCredential.objects.filter(partner=partner, vendor=vendor, scheme=scheme).exists():
        credentials.add(
            partner=partner, vendor=vendor, name="Sandbox app", scheme=scheme, secrets=secrets, by=_BY, now=now
        )


def _place(system: System) -> tuple[Decimal, Decimal]:
    if system.latitude is None or system.longitude is None:
        return _PLACE
    return Decimal(str(system.latitude)), Decimal(str(system.longitude))
