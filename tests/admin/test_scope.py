from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from simple_history.models import HistoricalChanges

from gateways import access
from gateways.admin.base import PartnerAdmin
from gateways.models import Event, Gateway, GatewayType, Membership, Partner
from ingest.models import BudgetUse, Der, Heartbeat, Message, Reading, Tally
from tests import factories
from tests.admin.pages import act, address, chosen, listed
from tests.admin.standing import fleet, standing, stranger

pytestmark = pytest.mark.once

__all__ = ["fleet", "standing", "stranger"]

REGISTRY: dict[type[Model], Any] = dict(admin.site._registry)
MODELS = list(REGISTRY)
OF_PARTNERS = [model for model, of in REGISTRY.items() if of.partner_paths != access.INSTALLATION]
OF_THE_INSTALLATION = [model for model in MODELS if model not in OF_PARTNERS]


def name(model: type[Model]) -> str:
    return model._meta.label


def test_every_admin_class_is_scoped_by_partner() -> None:
    assert [of for of in admin.site._registry.values() if not isinstance(of, PartnerAdmin)] == []


def test_every_model_of_ours_has_its_page() -> None:
    ours = [model for app in ("gateways", "ingest", "onboarding") for model in apps.get_app_config(app).get_models()]
    missing = {model for model in ours if model not in MODELS and not issubclass(model, HistoricalChanges)}
    # Its key has two parts, which Django's admin refuses; it is shown on its DER's page.
    assert missing == {Reading}


def test_an_admin_class_that_does_not_say_how_rows_reach_a_partner_fails_when_it_is_written() -> None:
    with pytest.raises(TypeError, match="must say in partner_paths"):
        type("Forgetful", (PartnerAdmin,), {})


def test_a_path_that_does_not_lead_to_a_partner_fails_when_it_is_registered() -> None:
    astray = type("Astray", (PartnerAdmin,), {"partner_paths": ("gateway__gateway_type",)})
    with pytest.raises(TypeError, match="does not lead from Message to a partner"):
        astray(Message, admin.site)


@pytest.mark.parametrize("model", OF_PARTNERS, ids=name)
def test_a_list_shows_rows_of_the_users_partner_and_of_no_other(
    model: type[Model], viewer: Client, superuser: Client, fleet: Any, stranger: Any
) -> None:
    seen = listed(viewer, model)
    assert seen, "the fleet has no row of this kind, so nothing is shown by this test"
    assert {partner_of(row) for row in seen} == {fleet.partner.pk}
    assert {partner_of(row) for row in listed(superuser, model)} == {fleet.partner.pk, stranger.partner.pk}


@pytest.mark.parametrize("model", OF_PARTNERS, ids=name)
def test_pages_of_other_partners_rows_are_not_found(
    model: type[Model], owner: Client, superuser: Client, fleet: Any, stranger: Any
) -> None:
    foreign = next(row for row in listed(superuser, model) if partner_of(row) == stranger.partner.pk)
    own = listed(owner, model)[0]
    for page in ("change", "history"):
        assert owner.get(address(model, page, foreign.pk)).status_code == 404, page
    # Where nobody may change or delete, that is what it says first, of own and foreign rows alike.
    for page in ("change", "delete"):
        assert owner.post(address(model, page, foreign.pk)).status_code in (403, 404), page
    assert owner.get(address(model, "change", own.pk)).status_code == 200
    assert owner.get(address(model, "history", own.pk)).status_code == 200


@pytest.mark.parametrize("model", OF_THE_INSTALLATION, ids=name)
def test_what_belongs_to_the_installation_is_for_superusers(
    model: type[Model], owner: Client, superuser: Client
) -> None:
    assert owner.get(address(model, "changelist")).status_code == 403
    assert superuser.get(address(model, "changelist")).status_code == 200


def partner_of(row: Any) -> int:
    (partner,) = [found for path in REGISTRY[type(row)].partner_paths if (found := access._partner_of(row, path))]
    return partner


def test_readings_of_another_partners_der_are_not_found(owner: Client, fleet: Any, stranger: Any) -> None:
    own, foreign = (Der.objects.get(system__gateway=of.gateway) for of in (fleet, stranger))
    assert owner.get(reverse("admin:ingest_der_readings", args=(foreign.pk,))).status_code == 404
    page = owner.get(reverse("admin:ingest_der_readings", args=(own.pk,)))
    assert page.content.count(b"instant") == 3


def test_forms_offer_rows_of_the_users_partner_alone(
    owner: Client, superuser: Client, fleet: Any, stranger: Any
) -> None:
    def types(client: Client) -> set[GatewayType]:
        page = client.get(address(Gateway, "add"))
        return set(page.context["form"].fields["gateway_type"].queryset)

    assert types(owner) == {fleet.type}
    assert types(superuser) == {fleet.type, stranger.type}
    page = owner.get(address(Membership, "add"))
    fields = page.context["adminform"].form.fields
    assert set(fields["partner"].queryset) == {fleet.partner}
    assert {user.username for user in fields["user"].queryset} == {f"owner-{fleet.partner.pk}"}


def test_a_form_refuses_a_row_of_another_partner(owner: Client, fleet: Any, stranger: Any) -> None:
    page = owner.post(address(Gateway, "add"), {"gateway_type": stranger.type.pk})
    assert "gateway_type" in page.context["form"].errors
    assert Gateway.objects.filter(gateway_type=stranger.type).count() == 1


def test_filters_offer_and_match_rows_of_the_users_partner_alone(owner: Client, fleet: Any, stranger: Any) -> None:
    second = factories.gateway_type(fleet.partner)
    page = owner.get(address(Gateway, "changelist"))
    offered = str(page.context["cl"].filter_specs[1].lookup_choices)
    assert fleet.type.prefix in offered
    assert second.prefix in offered
    assert stranger.type.prefix not in offered
    assert listed(owner, Gateway, gateway_type__id__exact=stranger.type.pk) == []


def test_search_finds_nothing_of_other_partners(owner: Client, fleet: Any, stranger: Any) -> None:
    assert listed(owner, Gateway, q=stranger.gateway.serial) == []
    assert listed(owner, Gateway, q=fleet.gateway.serial) == [fleet.gateway]


def test_acts_leave_rows_of_other_partners_alone(owner: Client, fleet: Any, stranger: Any) -> None:
    said = act(owner, "suspend", stranger.gateway, fleet.gateway)
    stranger.gateway.refresh_from_db()
    assert stranger.gateway.status == "active"
    assert said == ["1 gateway suspended: readings are collected and wait."]


def test_autocomplete_does_not_reach_other_partners(owner: Client, fleet: Any, stranger: Any) -> None:
    field = {"app_label": "ingest", "model_name": "message", "field_name": "gateway"}
    found = owner.get(reverse("admin:autocomplete"), {**field, "term": stranger.gateway.serial})
    assert found.status_code in (403, 404) or found.json()["results"] == []


def test_somebody_who_is_no_member_sees_an_empty_house(client: Client, django_user_model: Any, fleet: Any) -> None:
    client.force_login(django_user_model.objects.create_user("new", is_staff=True))
    assert b"not a member of any partner" in client.get(reverse("admin:index")).content
    assert client.get(address(Gateway, "changelist")).status_code == 403


def test_people_who_are_not_staff_are_sent_to_sign_in(client: Client, django_user_model: Any, fleet: Any) -> None:
    client.force_login(django_user_model.objects.create_user("homeowner"))
    assert client.get(address(Gateway, "changelist")).status_code == 302


# --- Roles ------------------------------------------------------------------------------------------------------------


def offered(client: Client, model: type[Model]) -> set[str]:
    response = client.get(address(model, "changelist"))
    return set(response.context["cl"].model_admin.get_actions(response.wsgi_request)) - {
        "delete_selected",
        "export_csv",
    }


def test_a_viewer_is_offered_nothing_to_do(viewer: Client, fleet: Any) -> None:
    for model in OF_PARTNERS:
        assert offered(viewer, model) == set(), model
        assert viewer.get(address(model, "add")).status_code == 403, model
    page = viewer.get(address(Gateway, "change", fleet.gateway.pk)).content
    assert b"_selected_action" not in page
    assert b'name="_save"' not in page


def test_a_viewer_who_asks_all_the_same_changes_nothing(viewer: Client, fleet: Any) -> None:
    viewer.post(address(Gateway, "changelist"), chosen("suspend", fleet.gateway))
    assert viewer.post(address(Gateway, "change", fleet.gateway.pk), {"name": "Mine"}).status_code == 403
    fleet.gateway.refresh_from_db()
    assert (fleet.gateway.status, fleet.gateway.name) == ("active", "")


def test_support_may_retry_release_and_hurry_but_not_change(support: Client, fleet: Any) -> None:
    assert offered(support, Gateway) == {"push_now", "release_queue"}
    assert offered(support, Message) == {"retry"}
    assert "retry" in offered(support, Message)
    assert support.get(address(Gateway, "add")).status_code == 403


def test_operators_act_but_do_not_say_who_else_may(operator: Client, owner: Client, fleet: Any) -> None:
    assert {"suspend", "rotate_key", "incept"} <= offered(operator, Gateway)
    assert operator.get(address(Membership, "add")).status_code == 403
    assert owner.get(address(Membership, "add")).status_code == 200


def test_an_operator_cannot_make_himself_owner(operator: Client, fleet: Any) -> None:
    own = Membership.objects.get(role="operator")
    assert operator.post(address(Membership, "change", own.pk), {"role": "owner"}).status_code == 403
    own.refresh_from_db()
    assert own.role == "operator"


def test_a_viewer_here_who_operates_there_acts_only_there(viewer: Client, fleet: Any, stranger: Any) -> None:
    user = Membership.objects.get(partner=fleet.partner).user
    Membership.objects.create(partner=stranger.partner, user=user, role="operator")
    said = act(viewer, "suspend", fleet.gateway, stranger.gateway)
    assert said == [
        "1 left out: your role does not allow this there.",
        "1 gateway suspended: readings are collected and wait.",
    ]
    fleet.gateway.refresh_from_db()
    assert fleet.gateway.status == "active"


def test_only_a_superuser_adds_partners(owner: Client, superuser: Client) -> None:
    assert owner.get(address(Partner, "add")).status_code == 403
    assert superuser.get(address(Partner, "add")).status_code == 200


@pytest.mark.parametrize("model", [Event, Message, Tally, BudgetUse, Heartbeat], ids=name)
def test_what_happened_is_read_only_even_for_a_superuser(model: type[Model], superuser: Client, fleet: Any) -> None:
    assert superuser.get(address(model, "add")).status_code == 403
    of = admin.site._registry[model]
    request = superuser.get(address(model, "changelist")).wsgi_request
    assert not of.has_change_permission(request)
    assert not of.has_delete_permission(request)
