from __future__ import annotations

import re

import pytest
from django.utils import timezone

from gateways.models import Client
from onboarding import sandbox_clients
from tests.oauth.world import post

pytestmark = pytest.mark.django_db


def test_a_sandbox_partner_begins_with_clients_whose_secrets_are_shown_once(world):
    told = list(sandbox_clients.seed(partner=world.partner, by="seed", now=timezone.now()))
    made = Client.objects.filter(partner=world.partner).exclude(pk=world.app.pk)
    assert {client.name for client in made} == {"Own backend", "SEN's rewards", "Sourceful App"}
    found = re.findall(r"curl -u (\S+):(\S+) -d grant_type=client_credentials ", "\n".join(told))
    statuses = [post("token", {"grant_type": "client_credentials"}, credentials).status_code for credentials in found]
    assert statuses == [200, 200]
    assert list(sandbox_clients.seed(partner=world.partner, by="seed", now=timezone.now())) == []
