"""Live questions to the partner's own accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from gateways.oauth import scopes
from ingest import adapters, connections, discovery
from ingest.models import BudgetUse, Connection, System
from ingest.vendors.base import Quota
from ingest.vendors.solis import Solis
from tests import factories
from tests.api.asking import fault, kind_of, solis, yesterday
from tests.api.calling import backend
from tests.clouds import clouds, running_clouds
from tests.factories import NOW

__all__ = ["clouds", "fault", "running_clouds"]  # fixtures

pytestmark = pytest.mark.django_db


def homes(of_type=None, *, key="sandbox", shown=True, withheld=(), **more):
    """A Solis account, of a new partner if no type says whose, whose systems are homes with gateways."""
    of_type = of_type or factories.gateway_type()
    secrets = {"key_id": f"{key}-key", "key_secret": f"{key}-secret"}
    account = connections.connect(
        partner=of_type.partner, vendor="solis", label="Homes", by="test", now=NOW, secrets=secrets
    )
    discovery.discover(account, adapters.open_account(account, clock=timezone.now, count=False), timezone.now())
    for system in System.objects.filter(connection=account):
        System.objects.filter(pk=system.pk).update(gateway=factories.gateway(of_type), shown=shown)
    Connection.objects.filter(pk=account.pk).update(withheld_kinds=list(withheld), **more)
    return account


@pytest.mark.django_db(transaction=True)
def test_without_headers_the_partners_own_accounts_are_asked_and_counted(clouds, monkeypatch):
    monkeypatch.setattr(Solis, "policy", replace(Solis.policy, quotas=(Quota(7, timedelta(days=1)),)))
    account = homes(withheld=["battery"])
    homes()  # another partner's
    System.objects.create(connection=account, external_id="1300100000009", name="Chosen by nobody")
    api = backend(account.partner)
    first = api.get("sites", {"limit": 1}).json()
    rest = api.get("sites", {"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [one["name"] for page in (first, rest) for one in page["data"]] == ["Amsterdam roof", "Cape Town home"]
    assert rest["next_cursor"] is None
    assert "battery" not in {device["kind"] for page in (first, rest) for device in page["data"][0]["devices"]}
    assert BudgetUse.objects.get().used == 6  # three lists a page
    throttled = api.get("sites").json()
    (error,) = throttled["errors"]["solis"]
    assert (throttled["data"], kind_of(error)) == ([], "vendor-throttled")
    assert error["sites"] == [page["data"][0]["id"] for page in (first, rest)]
    assert 0 < error["retry_after"] <= 86_400
    assert BudgetUse.objects.get().used == 7


@pytest.mark.django_db(transaction=True)
def test_what_a_home_measured_is_asked_only_where_its_owner_shows_it(clouds):
    account, start = homes(), yesterday()
    api = backend(account.partner)
    window = {"from": start.isoformat(), "to": (start + timedelta(hours=6)).isoformat(), "resolution": "1h"}
    pv = api.get("solar-inverters").json()["data"][0]["id"]
    assert sum(one["energy_out_wh"] or 0 for one in api.get(f"solar-inverters/{pv}/intervals", window).json()["data"])
    assert backend().get(f"solar-inverters/{pv}").status_code == 404
    System.objects.filter(connection=account).update(shown=False)
    assert api.get(f"solar-inverters/{pv}/intervals", window).status_code == 404
    assert api.get(f"solar-inverters/{pv}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_an_account_that_waits_for_its_owner_is_named_and_not_asked(clouds, fault):
    account = homes(status=Connection.Status.NEEDS_RECONNECT, next_pull_at=None)
    page = backend(account.partner).get("sites").json()
    assert page["data"] == []
    (error,) = page["errors"]["solis"]
    assert (kind_of(error), error["fault"], len(error["sites"])) == ("vendor-auth-failed", "owner", 2)
    assert not BudgetUse.objects.exists()
    homes(account.partner.gateway_types.get(), key="half-hour")
    fault("solis", status=503, times=3)
    errors = backend(account.partner).get("sites").json()["errors"]["solis"]
    assert [(kind_of(one), len(one["sites"])) for one in errors] == [
        ("vendor-auth-failed", 2),
        ("vendor-unavailable", 1),
    ]


def test_the_scope_is_needed_and_only_backends_have_it(clouds):
    refused = backend(None, "gateways:read").get("sites", headers=solis())
    assert (refused.status_code, kind_of(refused.json())) == (403, "insufficient-scope")
    assert scopes.PASSTHROUGH not in scopes.HOMEOWNERS
