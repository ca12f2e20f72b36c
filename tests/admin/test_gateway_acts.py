from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gateways.models import Coordinates, Event, Gateway, GatewayKey, GatewayType
from ingest import lifecycle
from ingest.models import GatewayQueue
from ingest.sen.errors import SenUnavailable
from tests import factories
from tests.admin.pages import act, address, chosen, told

pytestmark = pytest.mark.once


def test_a_gateway_is_added_through_its_action(operator: Client, fleet: Any) -> None:
    page = operator.post(address(Gateway, "add"), {"gateway_type": fleet.type.pk, "name": "Hillside"})
    made = Gateway.objects.get(name="Hillside")
    assert page["Location"] == address(Gateway, "change", made.pk)
    assert made.keys.get().state == "pending"
    created = Event.objects.get(name="gateway.created", subject=f"gateway:{made.serial}")
    assert created.actor == f"user:{page.wsgi_request.user.pk}"


def test_a_wrong_gateway_id_is_an_error_on_the_form(operator: Client, fleet: Any) -> None:
    page = operator.post(address(Gateway, "add"), {"gateway_type": fleet.type.pk, "serial": "somebody-elses"})
    assert "and 16 hex digits" in str(page.context["form"].errors)


def test_a_gateway_type_is_added_through_its_action(operator: Client, fleet: Any) -> None:
    answers = {
        "partner": fleet.partner.pk,
        "name": "Roofs",
        "type_prefix": "roofs",
        "key_strategy": "global",
        "model": "m",
        "dtype": "json",
    }
    operator.post(address(GatewayType, "add"), answers)
    made = GatewayType.objects.get(prefix="roofs")
    assert (made.key_strategy, made.model, made.keys.get().state) == ("global", "m", "pending")


def test_a_change_of_the_name_leaves_what_workers_wrote_meanwhile(operator: Client, fleet: Any) -> None:
    operator.post(address(Gateway, "change", fleet.gateway.pk), {"name": "Hillside"})
    fleet.gateway.refresh_from_db()
    assert fleet.gateway.name == "Hillside"
    assert fleet.gateway.history.first().history_user.username.startswith("operator")


def test_the_registration_csv_holds_the_chosen_gateways(operator: Client, fleet: Any, stranger: Any) -> None:
    new = factories.gateway(fleet.type)
    foreign = factories.gateway(stranger.type)
    reply = operator.post(address(Gateway, "changelist"), chosen("export_registration", new, foreign))
    assert reply["Content-Type"] == "text/csv"
    rows = list(csv.DictReader(io.StringIO(reply.content.decode())))
    assert [row["ecc_serial"] for row in rows] == [new.serial]


def test_each_refused_row_is_told_and_the_others_are_done(operator: Client, fleet: Any) -> None:
    new = factories.gateway(fleet.type)
    said = act(operator, "mark_registered", new, fleet.gateway)
    assert said == [
        "1 gateway marked registered.",
        f"{fleet.gateway} is active. SEN knows it already. For a new key, activate the key.",
    ]
    new.refresh_from_db()
    assert new.status == "registered"


def test_a_key_is_rotated_and_the_new_one_activated(operator: Client, fleet: Any) -> None:
    before = fleet.gateway.keys.get(state="active")
    assert "got a new key" in act(operator, "rotate_key", fleet.gateway)[0]
    assert act(operator, "activate_key", fleet.gateway) == ["1 gateway moved to the new key."]
    before.refresh_from_db()
    assert before.state == "retired"
    assert fleet.gateway.keys.filter(state="active").count() == 1


def test_a_ban_asks_for_its_reason_first(operator: Client, fleet: Any) -> None:
    asked = operator.post(address(Gateway, "changelist"), chosen("ban_key", fleet.gateway))
    assert asked.status_code == 200
    assert fleet.gateway.serial in asked.content.decode()
    again = operator.post(address(Gateway, "changelist"), chosen("ban_key", fleet.gateway) | {"confirmed": "yes"})
    assert "This field is required" in again.content.decode()
    assert fleet.gateway.keys.get().state == "active"
    act(operator, "ban_key", fleet.gateway, reason="lost")
    assert fleet.gateway.keys.get().ban_reason == "lost"


def test_a_key_is_banned_on_its_own_page_too(operator: Client, fleet: Any) -> None:
    key = fleet.gateway.keys.get()
    assert act(operator, "ban_key", key, reason="stolen") == ["1 gateway key banned."]
    assert GatewayKey.objects.get(pk=key.pk).state == "banned"


def test_the_shared_key_of_a_type_is_not_banned_from_one_gateway(operator: Client, fleet: Any) -> None:
    shared = factories.gateway_type(fleet.partner, key_strategy="global")
    gateway = factories.active_gateway(shared)
    assert "is banned on the key's own page" in act(operator, "ban_key", gateway, reason="?")[0]
    assert shared.keys.get().state == "active"


def test_a_global_type_is_made_rotated_and_activated(operator: Client, fleet: Any) -> None:
    assert operator.post(address(GatewayType, "changelist"), chosen("make_key_global", fleet.type)).status_code == 200
    act(operator, "make_key_global", fleet.type)
    act(operator, "activate_key", fleet.type)
    act(operator, "rotate_key", fleet.type)
    assert sorted(fleet.type.keys.values_list("state", flat=True)) == ["active", "pending"]


def test_release_has_to_be_confirmed(operator: Client, fleet: Any) -> None:
    asked = operator.post(address(Gateway, "changelist"), chosen("release", fleet.gateway))
    assert "cannot be undone" in asked.content.decode()
    fleet.gateway.refresh_from_db()
    assert fleet.gateway.status == "active"
    act(operator, "release", fleet.gateway)
    fleet.gateway.refresh_from_db()
    assert fleet.gateway.status == "released"


def test_suspend_and_resume(operator: Client, fleet: Any) -> None:
    act(operator, "suspend", fleet.gateway)
    assert act(operator, "resume", fleet.gateway) == ["1 gateway resumed: what waited goes out."]


def test_wallet_and_position_are_asked_for_and_set(operator: Client, fleet: Any) -> None:
    new = factories.gateway(fleet.type)
    refused = act(operator, "set_wallet", new, address="not a wallet")
    assert refused[0].startswith(f"{new}: ")
    act(operator, "set_wallet", new, address=factories.WALLET)
    act(operator, "set_position", new, latitude="59.33", longitude="18.07")
    new.refresh_from_db()
    assert (str(new.wallet), str(new.coordinates)) == (factories.WALLET, "59.330000, 18.070000")
    assert "were they swapped" in act(operator, "set_position", new, latitude="99", longitude="8")[0]
    assert Coordinates.objects.filter(gateway=new).count() == 1


def test_one_wallet_is_not_given_to_several_gateways_at_once(operator: Client, fleet: Any) -> None:
    both = factories.gateway(fleet.type), factories.gateway(fleet.type)
    assert act(operator, "set_wallet", *both, address=factories.WALLET) == ["Set wallet: choose at most 1 at a time."]


def test_what_is_done_on_a_gateways_page_leads_back_to_it(operator: Client, fleet: Any) -> None:
    reply = operator.post(address(Gateway, "changelist"), chosen("suspend", fleet.gateway) | {"one": "yes"})
    assert reply["Location"] == address(Gateway, "change", fleet.gateway.pk)


def test_a_gateways_page_offers_what_makes_sense_now(operator: Client, fleet: Any) -> None:
    def offered(gateway: Gateway) -> set[str]:
        page = operator.get(address(Gateway, "change", gateway.pk))
        return {act.name for act in page.context["acts"]}

    active = {"rotate_key", "ban_key", "set_position", "suspend", "release", "release_queue"}
    assert offered(fleet.gateway) == active
    new = {"mark_registered", "register_in_sandbox", "set_wallet", "set_position", "release"}
    assert offered(factories.gateway(fleet.type)) == new


# --- SEN --------------------------------------------------------------------------------------------------------------


def test_inception_is_confirmed_and_done(operator: Client, fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def incept(**given: Any) -> bool:
        asked.append(given)
        return True

    monkeypatch.setattr(lifecycle, "incept", incept)
    assert operator.post(address(Gateway, "changelist"), chosen("incept", fleet.gateway)).status_code == 200
    assert asked == []
    assert act(operator, "incept", fleet.gateway) == ["1 gateway bound to its wallet."]
    assert asked[0]["gateway"] == fleet.gateway
    assert "dry_run" not in asked[0]


@pytest.mark.parametrize("agreed, words", [(True, "SEN would bind it"), (False, "SEN would refuse")])
def test_a_rehearsal_says_what_sen_would_do(
    operator: Client, fleet: Any, monkeypatch: pytest.MonkeyPatch, agreed: bool, words: str
) -> None:
    monkeypatch.setattr(lifecycle, "incept", lambda *, dry_run, **_: dry_run and agreed)
    assert words in act(operator, "rehearse_inception", fleet.gateway)[1]


def test_an_answer_of_sen_is_told_with_what_to_do(
    operator: Client, fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: Any) -> None:
        raise SenUnavailable("no answer: timed out")

    monkeypatch.setattr(lifecycle, "register_in_sandbox", down)
    said = act(operator, "register_in_sandbox", fleet.gateway)
    assert said == [f"{fleet.gateway}: no answer: timed out {SenUnavailable.next_step}"]


def test_a_gateway_in_production_is_not_registered_by_a_call(operator: Client, fleet: Any) -> None:
    fleet.partner.environment = "production"
    fleet.partner.save()
    assert "export the registration CSV instead" in act(operator, "register_in_sandbox", fleet.gateway)[0]


# --- Queues -----------------------------------------------------------------------------------------------------------


def test_support_releases_a_queue_and_pushes_it(support: Client, fleet: Any) -> None:
    assert act(support, "push_now", fleet.gateway)[0].endswith("release it first.")
    assert act(support, "release_queue", fleet.gateway) == ["1 gateway released: what waited goes out."]
    GatewayQueue.objects.update(due_at=timezone.now() + timedelta(hours=1), waiting=1)
    assert act(support, "push_now", fleet.gateway) == ["1 gateway pushed with the next tick."]
    assert GatewayQueue.objects.get(gateway=fleet.gateway).due_at <= timezone.now()


def test_a_queue_is_held_with_a_reason_that_the_list_shows(operator: Client, fleet: Any) -> None:
    act(operator, "release_queue", fleet.gateway)
    act(operator, "hold_queue", fleet.gateway, reason="roof is being rebuilt")
    assert "roof is being rebuilt" in operator.get(address(Gateway, "changelist")).content.decode()
    assert Event.objects.filter(name="queue.held", data__reason="roof is being rebuilt").exists()


def test_nothing_chosen_does_nothing(operator: Client, fleet: Any) -> None:
    reply = operator.post(address(Gateway, "changelist"), {"action": "suspend", "index": "0"})
    assert told(reply) == ["Items must be selected in order to perform actions on them. No items have been changed."]
