"""Webhooks on the pages of staff: who may do what to them."""

from __future__ import annotations

import pytest

from gateways.models import Event
from onboarding.models import WebhookEndpoint
from onboarding.webhooks import endpoints
from tests.admin.conftest import staff
from tests.admin.pages import act, address, chosen, listed
from tests.onboarding.webhooks.receiver import SECRET

pytestmark = pytest.mark.django_db


def test_staff_add_a_webhook_test_it_and_see_how_far_it_is(hooks, receiver):
    operator = staff(hooks.partner, "operator")
    asked = {"partner": hooks.partner.pk, "url": receiver.url, "names": "key.created  key.banned", "secret": SECRET}
    added = operator.post(address(WebhookEndpoint, "add"), asked)
    hook = WebhookEndpoint.objects.get()
    assert (added.status_code, hook.names) == (302, ["key.created", "key.banned"])
    assert act(staff(hooks.partner, "support"), "test", hook)[1].endswith("the challenge was answered with HTTP 200.")
    hooks.happen("key.created", "gateway.created")
    page = operator.get(address(hook, "change", hook.pk)).content.decode()
    assert SECRET not in page
    assert [row.events_behind for row in listed(operator, WebhookEndpoint)] == [3]  # verified, and the two


def test_operators_pause_resume_replay_and_delete_and_support_does_not(hooks):
    hook = hooks.proven()
    operator, support = (staff(hooks.partner, role) for role in ("operator", "support"))
    for name in ("change", "pause", "replay", "new_secret", "delete_webhook"):
        act(support, name, hook, after="0", secret=SECRET, hours="24", url="http://127.0.0.1:1024/", names="*")
    hook.refresh_from_db()
    assert (hook.state, hook.cursor > 0, hook.previous_secret) == ("active", True, "")
    act(operator, "pause", hook)
    act(operator, "replay", hook, after="0")
    act(operator, "new_secret", hook, secret=SECRET[::-1], hours="1")
    hook.refresh_from_db()
    assert (hook.state, hook.cursor, hook.previous_secret != "") == ("paused", 0, True)
    act(operator, "resume", hook)
    hook.refresh_from_db()
    assert hook.state == "active"
    asks = operator.post(address(hook, "changelist"), chosen("change", hook)).content.decode()
    assert f'value="{hook.url}"' in asks
    act(operator, "change", hook, url=f"{hook.url}/new", names="key.created")
    hook.refresh_from_db()
    assert (hook.state, hook.url.endswith("/new"), hook.names) == ("pending", True, ["key.created"])
    act(operator, "delete_webhook", hook)
    assert not WebhookEndpoint.objects.exists()
    told = Event.objects.filter(partner=hooks.partner).order_by("sequence").values_list("name", flat=True)
    assert list(told)[2:] == [
        "webhook.paused", "webhook.replayed", "webhook.secret_renewed", "webhook.resumed", "webhook.changed",
        "webhook.deleted",
    ]  # fmt: skip


def test_a_webhook_that_is_deleted_meanwhile_is_said_to_be_gone(hooks, monkeypatch):
    hook, change = hooks.proven(), endpoints.change

    def too_late(**asked):
        WebhookEndpoint.objects.all().delete()
        change(**asked)

    monkeypatch.setattr(endpoints, "change", too_late)
    assert act(staff(hooks.partner, "operator"), "pause", hook) == [f"{hook} was deleted meanwhile."]


def test_what_cannot_be_is_said_on_the_page(hooks, receiver):
    operator = staff(hooks.partner, "operator")
    asked = {"partner": hooks.partner.pk, "url": "ftp://hooks.example/", "names": "*", "secret": SECRET}
    page = operator.post(address(WebhookEndpoint, "add"), asked)
    assert "begins with https://" in page.content.decode()
    assert act(operator, "replay", hooks.make(), after="", since="")[0].endswith("or since when.")
