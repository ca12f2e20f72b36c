from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gateways.models import Event
from ingest import credentials
from ingest.models import VendorCredential
from onboarding import flows
from onboarding.models import Enrollment, FlowVendor, JoinFlow, JoinSession
from tests import factories
from tests.admin.pages import act, address, chosen, listed
from tests.admin.test_secrets import give_factor, set_up_factor

pytestmark = pytest.mark.once

APP = {"client_id": "app-1", "client_secret": "SECRET-app", "api_key": "SECRET-key"}
ANSWERS = {
    "name": "Shop", "redirect_uri": "https://shop.example/done", "purposes": ["rewards"], "kinds": ["pv", "meter"],
    "language": "sv", "vendor_solis": "keys",
}  # fmt: skip


def add_address(fleet: Any) -> str:
    return f"{address(JoinFlow, 'add')}?partner={fleet.partner.pk}"


def application(fleet: Any, name: str = "Site access") -> VendorCredential:
    return credentials.add(
        partner=fleet.partner, vendor="solaredge", scheme="siteaccess", name=name, secrets=APP, by="test",
        now=factories.NOW,
    )  # fmt: skip


def offered_by(page: Any) -> dict[str, list[str]]:
    fields = page.context["form"].fields
    return {name: [way for way, _ in field.choices] for name, field in fields.items() if name.startswith("vendor_")}


def test_adding_a_flow_begins_with_whose_it_is(operator: Client, fleet: Any, stranger: Any) -> None:
    page = operator.get(address(JoinFlow, "add"))
    assert set(page.context["form"].fields) == {"partner"}
    again = operator.get(add_address(stranger))
    assert "partner" in again.context["form"].errors


def test_a_flow_offers_keys_and_the_partners_own_applications(operator: Client, fleet: Any, stranger: Any) -> None:
    own, _foreign = application(fleet), application(stranger)
    # A fleet key opens more than one home: homeowners cannot consent to it.
    assert offered_by(operator.get(add_address(fleet))) == {
        "vendor_solaredge": ["", str(own.pk)], "vendor_solis": ["", "keys"]
    }  # fmt: skip


def test_a_flow_is_made_as_it_is_asked_for(operator: Client, fleet: Any) -> None:
    own = application(fleet)
    page = operator.post(add_address(fleet), {**ANSWERS, "vendor_solaredge": own.pk})
    made = JoinFlow.objects.get(name="Shop")
    assert page["Location"] == address(JoinFlow, "change", made.pk)
    assert (made.partner, made.redirect_uri, made.purposes, made.kinds, made.language) == (
        fleet.partner, ANSWERS["redirect_uri"], ["rewards"], ["pv", "meter"], "sv"
    )  # fmt: skip
    assert {one.vendor: one.credential for one in made.vendors.all()} == {"solaredge": own, "solis": None}
    shown = operator.get(page["Location"]).content.decode()
    assert f"/join/flows/{made.uid}/authorize?vendor=" in shown
    assert flows.open_secret(made) not in shown


@pytest.mark.parametrize(
    "wrong,said",
    [
        ({"vendor_solis": ""}, "Choose at least one vendor."),
        ({"redirect_uri": "https://*.shop.example/"}, "one exact address"),
        ({"purposes": []}, "This field is required."),
    ],
    ids=["no vendor", "wildcard", "no purpose"],
)
def test_what_is_wrong_stands_on_the_form(operator: Client, fleet: Any, wrong: Any, said: str) -> None:
    page = operator.post(add_address(fleet), {**ANSWERS, **wrong})
    assert (page.status_code, said in page.content.decode()) == (200, True)
    assert not JoinFlow.objects.filter(name="Shop").exists()


def test_idor_a_credential_of_another_partner_cannot_be_chosen(operator: Client, fleet: Any, stranger: Any) -> None:
    _own, foreign = application(fleet), application(stranger)
    page = operator.post(add_address(fleet), {**ANSWERS, "vendor_solaredge": foreign.pk})
    assert "vendor_solaredge" in page.context["form"].errors
    assert operator.post(add_address(stranger), ANSWERS).status_code == 200  # asked for the partner again
    assert not JoinFlow.objects.filter(name="Shop").exists()


def test_idor_flows_trips_and_enrollments_of_another_partner_are_not_there(
    owner: Client, fleet: Any, stranger: Any
) -> None:
    for row in (stranger.flow, stranger.enrollment, stranger.enrollment.session, stranger.flow.vendors.get()):
        assert owner.get(address(row, "change", row.pk)).status_code == 404
    owner.post(
        address(JoinFlow, "changelist"),
        {"action": "delete_flow", "index": "0", "_selected_action": [stranger.flow.pk], "confirmed": "yes"},
    )
    stranger.flow.refresh_from_db()
    assert stranger.flow.deleted_at is None


def test_a_deleted_flow_stays_in_the_list(operator: Client, fleet: Any) -> None:
    assert act(operator, "delete_flow", fleet.flow) == ["1 join flow deleted."]
    (flow,) = listed(operator, JoinFlow)
    assert flow.deleted_at is not None


def test_an_owner_sees_the_secret_right_after_the_second_factor_and_nobody_else(
    owner: Client, operator: Client, fleet: Any
) -> None:
    def reveal(client: Client) -> str:
        asked = {**chosen("reveal", fleet.flow), "confirmed": "yes"}
        return client.post(address(JoinFlow, "changelist"), asked).content.decode()

    secret = flows.open_secret(fleet.flow)
    assert secret not in reveal(owner)
    for client in (owner, operator):
        give_factor(client, set_up_factor(client), reverse("mfa_reauthenticate"))
    assert (secret in reveal(owner), secret in reveal(operator)) == (True, False)
    assert Event.objects.filter(name="flow.secret_revealed", subject=f"flow:{fleet.flow.uid}").count() == 1


def test_viewers_make_and_delete_no_flows(viewer: Client, fleet: Any) -> None:
    assert viewer.get(address(JoinFlow, "add")).status_code == 403
    assert b"delete_flow" not in viewer.get(address(JoinFlow, "change", fleet.flow.pk)).content


def test_nothing_of_a_flow_a_trip_or_an_enrollment_can_be_changed(superuser: Client, fleet: Any) -> None:
    for row in (fleet.flow, fleet.enrollment, fleet.enrollment.session, fleet.flow.vendors.get()):
        assert superuser.post(address(row, "change", row.pk), {"name": "x"}).status_code == 403
    for model in (FlowVendor, JoinSession, Enrollment):
        assert superuser.get(address(model, "add")).status_code == 403


def test_an_enrollment_shows_its_account_and_homes(viewer: Client, fleet: Any) -> None:
    shown = viewer.get(address(Enrollment, "changelist")).content.decode()
    system = fleet.gateway.system
    for row in (system, system.connection, fleet.flow):
        assert address(row, "change", row.pk) in shown


def test_a_trip_shows_how_it_ended(viewer: Client, fleet: Any) -> None:
    shown = viewer.get(address(JoinSession, "changelist")).content.decode()
    assert "under way" in shown
    JoinSession.objects.update(error="access_denied")
    shown = viewer.get(address(JoinSession, "changelist")).content.decode()
    assert ("failed" in shown, "access_denied" in shown) == (True, True)
