from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ingest import connections, minutes, outbox
from ingest.models import Connection, GatewayQueue, Heartbeat, Message, Minute, PullRun
from tests import factories
from tests.admin.conftest import Fleet, staff

HOME = reverse("admin:index")


def home(client: Client) -> Any:
    response = client.get(HOME)
    assert response.status_code == 200
    return response


def test_the_front_page_sums_up_the_users_own_fleet(
    viewer: Client, superuser: Client, fleet: Fleet, stranger: Fleet
) -> None:
    factories.gateway(fleet.type)
    GatewayQueue.objects.update(waiting=3, delivered=40)
    own, everything = home(viewer).context, home(superuser).context
    assert own["gateways"] == {"total": 2, "by_status": [("created", 1), ("active", 1)]}
    assert everything["gateways"] == {"total": 3, "by_status": [("created", 1), ("active", 2)]}
    assert own["queues"] == {"waiting": 3, "delivered": 40, "held": 1, "held_messages": 1}
    assert everything["queues"] == {"waiting": 6, "delivered": 80, "held": 2, "held_messages": 2}
    assert own["connections"] == {"total": 1, "well": 1}
    assert (own["hour"]["readings"], own["hour"]["messages"]) == (3, 5)
    assert (everything["hour"]["readings"], everything["hour"]["messages"]) == (6, 10)


def test_the_chart_counts_the_last_hour_by_five_minutes(viewer: Client, fleet: Fleet) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    Minute.objects.all().delete()
    Minute.objects.create(partner=fleet.partner, at=now - timedelta(minutes=30), delivered=7)
    Minute.objects.create(partner=fleet.partner, at=now - timedelta(minutes=90), delivered=100)
    PullRun.objects.update(started_at=now - timedelta(minutes=90))
    hour = home(viewer).context["hour"]
    assert len(hour["rows"]) == 12
    assert all(start.minute % 5 == 0 for start, _, _ in hour["rows"])
    assert (hour["readings"], hour["messages"]) == (0, 7)
    (row,) = [row for row in hour["rows"] if row[2]]
    assert timedelta(0) <= now - timedelta(minutes=30) - row[0] < timedelta(minutes=5)


def test_the_chart_is_there_as_a_table_too(viewer: Client, fleet: Fleet) -> None:
    text = home(viewer).content.decode()
    assert text.count('<th scope="row">') >= 12
    assert 'role="img"' in text


def test_what_waits_longest_stands_first_with_the_reason(viewer: Client, fleet: Fleet) -> None:
    second = fleet.add_home()
    Message.objects.update(state="waiting", held_reason="", done_at=None)
    Message.objects.filter(gateway=second).update(created_at=timezone.now() - timedelta(hours=3))
    GatewayQueue.objects.update(waiting=1)
    waiting = home(viewer).context["waiting_longest"]
    assert [second.serial in row["gateway"] for row in waiting] == [True, False]
    assert "3 h ago" in waiting[0]["since"]
    assert waiting[0]["why"] == "because"


def test_held_messages_and_queues_stand_there_with_their_reasons(viewer: Client, fleet: Fleet) -> None:
    page = home(viewer)
    assert [(row["held_reason"], row["count"]) for row in page.context["held_messages"]] == [("SEN said no", 1)]
    assert [row["why"] for row in page.context["held_queues"]] == ["because"]
    assert "SEN said no" in page.content.decode()


def test_accounts_that_wait_for_a_person_come_before_those_that_recover_alone(viewer: Client, fleet: Fleet) -> None:
    now = timezone.now()
    shaky = factories.connection(fleet.partner, failures=1, last_error="timed out", last_error_at=now)
    lost = factories.connection(fleet.partner)
    connections.mark_needs_reconnect(connection=lost, reason="401", now=now)
    factories.connection(fleet.partner, status="paused", failures=5)
    troubled = home(viewer).context["troubled_connections"]
    assert [row["connection"].count(str(account)) for row, account in zip(troubled, [lost, shaky], strict=True)] == [
        1,
        1,
    ]
    assert troubled[1]["error"] == "timed out"


def test_a_beat_that_is_late_is_told_loudly(viewer: Client, fleet: Fleet) -> None:
    assert b'role="alert"' not in home(viewer).content
    Heartbeat.objects.update(at=timezone.now() - timedelta(minutes=5))
    assert b'role="alert"' in home(viewer).content
    Heartbeat.objects.all().delete()
    assert b"Beat last ran" in home(viewer).content


def test_an_empty_house_says_what_to_do_next(superuser: Client) -> None:
    assert b"Add the first partner" in home(superuser).content
    partner = factories.partner()
    owner = staff(partner, "owner")
    assert b"add the type with the prefix" in home(owner).content
    factories.gateway_type(partner)
    assert b"Connect an account at a vendor" in home(owner).content
    factories.connection(partner)
    assert b"systems your accounts list" in home(owner).content


def test_the_front_page_asks_a_fixed_number_of_questions(viewer: Client, fleet: Fleet) -> None:
    def asked() -> int:
        with CaptureQueriesContext(database) as captured:
            home(viewer)
        return len(captured)

    before = asked()
    for _ in range(6):
        fleet.add_home()
    assert asked() == before
    assert before <= 22


def test_the_front_page_scans_neither_readings_nor_messages(viewer: Client, fleet: Fleet) -> None:
    with CaptureQueriesContext(database) as captured:
        home(viewer)
    statements = [query["sql"] for query in captured]
    assert not [sql for sql in statements if "ingest_reading" in sql]
    of_messages = [sql for sql in statements if '"ingest_message"' in sql]
    assert of_messages
    # Held and waiting messages have an index of their own; delivered ones are millions.
    assert all("= 'held'" in sql or "= 'waiting'" in sql for sql in of_messages)


def test_the_sidebar_shows_what_the_user_may_see(viewer: Client, superuser: Client, fleet: Fleet) -> None:
    def titles(client: Client) -> list[str]:
        return [group.get("title", "") for group in home(client).context["sidebar_navigation"]]

    theirs = ["", "Fleet", "Homeowners", "Join flows", "Delivery", "Webhooks", "SEN", "API", "Partner"]
    assert titles(viewer) == theirs
    assert titles(superuser) == [*theirs, "Installation"]


def test_deliveries_are_counted_by_minute_and_partner(fleet: Fleet, stranger: Fleet) -> None:
    Minute.objects.all().delete()
    now = factories.NOW.replace(second=42)
    minutes.add({fleet.gateway.pk: 3, stranger.gateway.pk: 1}, now=now)
    minutes.add({fleet.gateway.pk: 2}, now=now + timedelta(seconds=10))
    minutes.add({fleet.gateway.pk: 1}, now=now + timedelta(seconds=20))
    counts = Minute.objects.order_by("partner", "at").values_list("partner", "at", "delivered")
    start = now.replace(second=0)
    assert list(counts) == [
        (fleet.partner.pk, start, 5),
        (fleet.partner.pk, start + timedelta(minutes=1), 1),
        (stranger.partner.pk, start, 1),
    ]


def test_what_is_delivered_is_counted_in_the_transaction_that_records_it(fleet: Fleet) -> None:
    Minute.objects.all().delete()
    now = timezone.now()
    outbox.release_queue(gateway=fleet.gateway, by="test", now=now)
    outbox.retry_message(message=Message.objects.get(), by="test", now=now)
    (claim,) = outbox.claim_due(now=now)
    outcome = outbox.Outcome(claim, delivered=[message.id for message in claim.messages])
    assert outbox.record([outcome], vendors={}, now=now) == 1
    assert Minute.objects.get().delivered == GatewayQueue.objects.get().delivered == 1
    assert Connection.objects.count() == 1
