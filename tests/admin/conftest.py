"""Staff of every role, and a fleet of two partners with a row of everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from gateways.models import Gateway, IdempotentRequest, Membership, Partner
from gateways.oauth import clients, grants
from ingest import credentials, outbox, store
from ingest.models import Attempt, Connection, Heartbeat, Message, Minute, PullRun
from onboarding import flows, invitations, journeys, key_trips
from onboarding.models import ChosenSystem, Enrollment, JoinPage, WalletChallenge, WebhookDelivery
from onboarding.webhooks import endpoints
from tests import factories


class Fleet:
    """One partner's rows: as many homes as asked for, each with an account, a gateway, readings and messages."""

    def __init__(self, partner: Partner) -> None:
        self.partner = partner
        self.type = factories.gateway_type(partner)
        self.gateways: list[Gateway] = []
        self.credential = credentials.add(
            partner=partner,
            vendor="solaredge",
            name="Fleet key",
            secrets={"api_key": "TOP-SECRET-KEY"},
            by="test",
            now=factories.NOW,
        )

    def add_home(self) -> Gateway:
        now = timezone.now()
        gateway = factories.active_gateway(self.type)
        account: Connection = factories.connection(self.partner, last_success_at=now, next_pull_at=now)
        system = factories.system(gateway, account)
        run = PullRun.objects.create(connection=account, system=system, started_at=now, window_start=now)
        readings = factories.readings(system, 3, start=now - timedelta(hours=1))
        store.store_readings(system=system, readings=readings, now=now, run=run)
        message = Message.objects.get(gateway=gateway)
        Attempt.objects.create(message=message, at=now, outcome="unavailable", duration_ms=1)
        Message.objects.filter(pk=message.pk).update(state="held", held_reason="SEN said no", done_at=now)
        outbox.hold_queue(gateway=gateway, reason="because", by="test", now=now)
        self.gateways.append(gateway)
        return gateway

    def add_homeowner(self) -> None:
        """Somebody who was invited and is on their way, with a row of everything that comes of it."""
        now = timezone.now()
        JoinPage.objects.create(partner=self.partner, gateway_type=self.type)
        user = User.objects.create_user(f"homeowner-{self.partner.pk}", f"home{self.partner.pk}@example.com")
        invitation, _path = invitations.invite(partner=self.partner, by="test", now=now, email=user.email)
        journey = journeys.begin(partner=self.partner, user=user, now=now, invitation=invitation)
        journey = journeys.choose_brand(journey=journey, country="SE", vendor="solis", by=user, now=now)
        journeys.agree(journey=journey, purposes=["rewards"], kinds=["pv"], language="en", now=now)
        ChosenSystem.objects.create(journey=journey, system=self.gateway.system)
        WalletChallenge.objects.create(
            partner=self.partner, user=user, address=factories.WALLET, message="Sign this.", created_at=now,
            expires_at=now + timedelta(minutes=10),
        )  # fmt: skip

    def add_flow(self) -> None:
        """A flow of the partner's own site, and somebody who joined through it."""
        now = timezone.now()
        self.flow = flows.create_flow(
            partner=self.partner, name="Website", redirect_uri="https://partner.example/done", vendors={"solis": None},
            purposes=["rewards"], kinds=["pv"], by="test", now=now,
        )  # fmt: skip
        trip = key_trips.depart(flow=self.flow, vendor="solis", partner_state="s", user_reference="user-7", now=now)
        self.enrollment = Enrollment.objects.create(
            partner=self.partner, flow=self.flow, session=trip, connection=self.gateway.system.connection,
            user_reference="user-7", status="active", created_at=now, settled_at=now,
        )  # fmt: skip

    def add_webhook(self) -> None:
        """Where the partner's events go, and one delivery on its way."""
        now = timezone.now()
        self.webhook, _secret = endpoints.create(
            partner=self.partner, url="http://127.0.0.1:9009/hook", names=["*"], by="test", now=now, name="Backend"
        )
        WebhookDelivery.objects.create(endpoint=self.webhook, first=1, last=1, count=1, created_at=now)

    def add_app(self) -> None:
        """An app that a homeowner allowed to act for the home, and a request it may send again."""
        now = timezone.now()
        self.app, _secret = clients.create_app(
            partner=self.partner, name="Sun App", redirect_uris=["https://app.example/done"], by="test", now=now,
            allowed_scopes=["gateways:read"],
        )  # fmt: skip
        owner = User.objects.create_user(f"app-user-{self.partner.pk}", f"app{self.partner.pk}@example.com")
        Gateway.objects.filter(pk=self.gateway.pk).update(owner=owner)
        grants.give(user=owner, client=self.app, gateways=[self.gateway], scopes=["gateways:read"], now=now)
        IdempotentRequest.objects.create(client=self.app, key="k-1", fingerprint="f", created_at=now)

    @property
    def gateway(self) -> Gateway:
        return self.gateways[0]


def make_fleet(**fields: Any) -> Fleet:
    fleet = Fleet(factories.partner(**fields))
    fleet.add_home()
    fleet.add_homeowner()
    fleet.add_flow()
    fleet.add_app()
    fleet.add_webhook()
    Minute.objects.create(partner=fleet.partner, at=timezone.now(), delivered=5)
    Heartbeat.objects.get_or_create(name="beat", defaults={"at": timezone.now()})
    return fleet


@pytest.fixture
def fleet(db) -> Fleet:
    return make_fleet()


@pytest.fixture
def stranger(db) -> Fleet:
    """A fleet of a partner that nobody here works for but its owner."""
    fleet = make_fleet()
    staff(fleet.partner, "owner")
    return fleet


def staff(partner: Partner, role: str) -> Client:
    user = User.objects.create_user(f"{role}-{partner.pk}", f"{role}{partner.pk}@example.com", "pw", is_staff=True)
    Membership.objects.create(partner=partner, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner(fleet: Fleet) -> Client:
    return staff(fleet.partner, "owner")


@pytest.fixture
def operator(fleet: Fleet) -> Client:
    return staff(fleet.partner, "operator")


@pytest.fixture
def support(fleet: Fleet) -> Client:
    return staff(fleet.partner, "support")


@pytest.fixture
def viewer(fleet: Fleet) -> Client:
    return staff(fleet.partner, "viewer")


@pytest.fixture
def superuser(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com", "pw"))
    return client
