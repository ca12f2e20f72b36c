from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection as database
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateways.admin import columns
from gateways.models import Event, Gateway
from ingest import outbox
from ingest.models import Connection, Der, GatewayQueue, Message, PullRun, System
from tests import factories
from tests.admin.conftest import Fleet
from tests.admin.pages import act, address, listed
from tests.admin.standing import fleet, standing, stranger
from tests.admin.test_scope import MODELS, name

__all__ = ["fleet", "standing", "stranger"]


def queries(client: Client, model: type[Model]) -> int:
    with CaptureQueriesContext(
        database,
    ) as captured:
        listed(client, model)
    return len(captured)


@pytest.mark.once
def test_no_list_asks_the_database_more_for_twenty_homes_than_for_one(
    superuser: Client, owner: Client, fleet: Fleet
) -> None:
    before = {model: queries(superuser, model) for model in MODELS}
    before_owner = queries(owner, Gateway)
    for _ in range(19):
        fleet.add_home()
    after = {model: queries(superuser, model) for model in MODELS}
    assert {name(model): (before[model], after[model]) for model in MODELS if after[model] > before[model]} == {}
    assert queries(owner, Gateway) == before_owner
    assert max(after.values()) <= 12


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_every_list_can_be_searched_sorted_and_filtered(model: type[Model], superuser: Client, fleet: Fleet) -> None:
    of = admin.site._registry[model]
    listed(superuser, model, q="a b")
    page = superuser.get(address(model, "changelist"))
    columns_shown = range(1, len(page.context["cl"].list_display) + 1)
    listed(superuser, model, o=".".join(str(number) for number in columns_shown))
    for spec in page.context["cl"].filter_specs:
        for value, _ in tuple(getattr(spec, "lookup_choices", ()))[:3]:  # events have names by the dozen
            listed(superuser, model, **{spec.expected_parameters()[0]: value})
    assert of.list_display != ("__str__",)


def test_a_gateway_is_found_by_serial_wallet_key_system_and_device(viewer: Client, fleet: Fleet) -> None:
    gateway = fleet.gateway
    other = factories.active_gateway(fleet.type)
    system = System.objects.get(gateway=gateway)
    for words in (gateway.serial, gateway.keys.get().public_key, system.name, Der.objects.get(system=system).sn):
        assert listed(viewer, Gateway, q=words) == [gateway], words
    assert set(listed(viewer, Gateway, q=factories.WALLET)) == {gateway, other}


def test_an_account_is_found_by_the_serial_of_its_device(viewer: Client, fleet: Fleet) -> None:
    account = Connection.objects.get(partner=fleet.partner)
    factories.connection(fleet.partner)
    assert listed(viewer, Connection, q=fleet.gateway.system.ders.get().sn) == [account]


def test_filters_answer_questions_of_support(viewer: Client, fleet: Fleet) -> None:
    account = Connection.objects.get(partner=fleet.partner)
    failing = factories.connection(fleet.partner, failures=2, last_success_at=timezone.now() - timedelta(hours=7))
    never = factories.connection(fleet.partner, vendor="solaredge", status="paused")
    assert listed(viewer, Connection, failing="yes") == [failing]
    assert set(listed(viewer, Connection, failing="no")) == {account, never}
    assert set(listed(viewer, Connection, silent_h="6")) == {failing, never}
    assert listed(viewer, Connection, silent_h="24") == [never]
    assert listed(viewer, Connection, vendor="solaredge") == [never]
    assert listed(viewer, Connection, status__exact="paused") == [never]
    assert listed(viewer, Gateway, held="yes") == [fleet.gateway]
    assert listed(viewer, Gateway, held="no") == []
    assert listed(viewer, Gateway, silent_h="6") == []
    assert listed(viewer, Gateway, vendor="solaredge") == []


def test_the_list_of_gateways_says_how_much_waits_and_why(viewer: Client, operator: Client, fleet: Fleet) -> None:
    text = viewer.get(address(Gateway, "changelist")).content.decode()
    assert "because" in text
    outbox.release_queue(gateway=fleet.gateway, by="test", now=timezone.now())
    Message.objects.update(state="waiting", held_reason="", done_at=None)
    GatewayQueue.objects.update(waiting=1)
    act(operator, "suspend", fleet.gateway)
    assert "suspended by staff" in viewer.get(address(Gateway, "changelist")).content.decode()


def test_the_age_of_a_time_stands_beside_the_time_itself(viewer: Client, fleet: Fleet) -> None:
    at = timezone.now() - timedelta(minutes=3)
    Connection.objects.update(last_success_at=at)
    text = viewer.get(address(Connection, "changelist")).content.decode()
    assert f'title="{at:%Y-%m-%d %H:%M:%S} UTC"' in text
    assert ">3 min ago<" in text


@pytest.mark.parametrize(
    "seconds, words",
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86_400, "1 d"), (8_640_000, "100 d")],
)
def test_a_span_of_time_in_words(seconds: float, words: str) -> None:
    assert columns.age(seconds) == words


def test_a_message_is_retried_by_support_and_says_so_in_the_events(support: Client, fleet: Fleet) -> None:
    message = Message.objects.get(gateway=fleet.gateway)
    assert act(support, "retry", message) == ["1 message put back into their queues."]
    assert act(support, "retry", message) == [f"{message}: It is not held."]
    assert Event.objects.filter(name="message.retried", data__message=message.pk).count() == 1


def test_queues_are_held_released_and_pushed_from_their_own_list(operator: Client, fleet: Fleet) -> None:
    queue = GatewayQueue.objects.get(gateway=fleet.gateway)
    assert "release it first" in act(operator, "push_now", queue)[0]
    assert act(operator, "release", queue) == ["1 gateway queue released: what waited goes out."]
    assert act(operator, "push_now", queue) == ["1 gateway queue pushed with the next tick."]
    assert act(operator, "hold", queue, reason="tests") == ["1 gateway queue held."]


def test_a_gateways_events_are_one_link_away(viewer: Client, fleet: Fleet) -> None:
    page = viewer.get(address(Gateway, "change", fleet.gateway.pk))
    links = dict(page.context["links"])
    events = viewer.get(links["Events"]).context["cl"].result_list
    assert {event.subject for event in events} == {f"gateway:{fleet.gateway.serial}"}
    for link in links.values():
        assert viewer.get(link).status_code == 200, link


def test_an_accounts_links_lead_to_its_own_rows(viewer: Client, fleet: Fleet) -> None:
    account = Connection.objects.get(partner=fleet.partner)
    factories.system(None, factories.connection(fleet.partner))
    links = dict(viewer.get(address(Connection, "change", account.pk)).context["links"])
    assert {row.connection for row in viewer.get(links["Systems"]).context["cl"].result_list} == {account}
    assert {row.connection for row in viewer.get(links["Pulls"]).context["cl"].result_list} == {account}
    assert PullRun.objects.filter(connection=account).count() == 1


def test_readings_are_shown_by_day_and_page(viewer: Client, fleet: Fleet) -> None:
    der = fleet.gateway.system.ders.get()
    page = viewer.get(f"/admin/ingest/der/{der.pk}/readings/", {"since": "2020-01-01", "until": "2020-01-02"})
    assert "No readings in these days" in page.content.decode()
    wrong = viewer.get(f"/admin/ingest/der/{der.pk}/readings/", {"since": "2020-01-02", "until": "yesterday"})
    assert "Enter a valid date" in wrong.content.decode()
    reversed_days = viewer.get(f"/admin/ingest/der/{der.pk}/readings/", {"since": "2020-01-02", "until": "2020-01-01"})
    assert "Must not be before the first day" in reversed_days.content.decode()


@pytest.mark.once
@pytest.mark.parametrize("model", MODELS, ids=name)
def test_every_list_is_taken_away_as_csv(model: type[Model], viewer: Client, fleet: Fleet) -> None:
    page = viewer.get(address(model, "changelist"))
    if page.status_code == 403 or not (shown := page.context["cl"].queryset):
        return
    chosen = {"action": "export_csv", "_selected_action": [row.pk for row in shown]}
    table = viewer.post(address(model, "changelist"), chosen)
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    assert len(list(csv.reader(io.StringIO(table.content.decode("utf-8-sig"))))) == len(shown) + 1
    assert "<" not in table.content.decode()


def test_a_list_as_csv_has_words_and_whole_times_and_no_formulas(viewer: Client, fleet: Fleet) -> None:
    Gateway.objects.filter(pk=fleet.gateway.pk).update(name="=1+1")
    chosen = {"action": "export_csv", "_selected_action": [fleet.gateway.pk]}
    text = viewer.post(address(Gateway, "changelist"), chosen).content.decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text))
    assert row["gateway id"] == fleet.gateway.serial
    assert "'=1+1" in row.values()
    assert "signs" in row.values()
