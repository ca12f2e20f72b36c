"""The homeowner's journey, page by page, without scripts."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from gateways.models import Gateway
from onboarding.models import Consent, Journey


@pytest.mark.parametrize("vendor", ["solis", "enphase", "solaredge"])
def test_a_homeowner_joins_from_the_first_page_to_the_last(vendor, homeowner, clouds):
    homeowner.sign_up()
    assert homeowner.at() == "brand"
    homeowner.agree(vendor)
    assert homeowner.at() == "connect"
    came_back = homeowner.connect_with_keys() if vendor == "solis" else homeowner.consent_at_the_vendor()
    assert came_back["Location"] == homeowner.url("homes")
    homeowner.choose_all()
    homeowner.prove_wallet()
    homeowner.confirm_place()
    homeowner.see("review")
    assert homeowner.send("review")["Location"] == "/home/"
    user = User.objects.get(email=homeowner.email)
    made = Gateway.objects.filter(
        owner=user, wallet__address=homeowner.wallet.address, wallet__proven_at__isnull=False, coordinates__source="pin"
    )
    assert made.exists()
    assert Journey.objects.get(user=user).finished_at
    assert Consent.objects.filter(user=user, connection__systems__gateway__in=made, purpose="rewards").exists()
