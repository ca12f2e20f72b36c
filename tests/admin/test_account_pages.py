from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.once

PUBLIC = ("account_login", "account_reset_password", "account_reset_password_done")
OF_ACCOUNT = ("account_email", "account_logout", "account_change_password", "mfa_index")


@pytest.mark.parametrize("name", PUBLIC)
def test_pages_for_signing_in_keep_the_strict_policy(client: Client, db, name: str) -> None:
    assert_plain(client.get(reverse(name)))


@pytest.mark.parametrize("name", OF_ACCOUNT)
def test_pages_of_an_account_keep_the_strict_policy(superuser: Client, name: str) -> None:
    assert_plain(superuser.get(reverse(name)))


def assert_plain(page) -> None:
    text = page.content.decode()
    assert page.status_code == 200
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    assert "css/site.css" in text
    assert "<style" not in text
    assert " style=" not in text
    assert 'name="viewport"' in text


def test_the_sign_in_page_does_not_offer_an_account_that_nobody_can_make(client: Client, db) -> None:
    assert b"sign up" not in client.get(reverse("account_login")).content.lower()


def test_the_admin_sends_strangers_to_the_sign_in_page(client: Client, db) -> None:
    reply = client.get(reverse("admin:index"), follow=True)
    assert reply.redirect_chain[-1][0].startswith(reverse("account_login"))


def test_staff_sign_in_and_land_where_they_wanted_to_go(client: Client, django_user_model) -> None:
    root = django_user_model.objects.create_superuser("root", "root@example.com", "pw")
    EmailAddress.objects.create(user=root, email=root.email, verified=True, primary=True)
    wanted = reverse("admin:gateways_gateway_changelist")
    reply = client.post(reverse("account_login"), {"login": "root@example.com", "password": "pw", "next": wanted})
    assert reply["Location"] == wanted


def test_what_is_not_there_is_told_in_words(client: Client, db) -> None:
    page = client.get("/nowhere/")
    assert page.status_code == 404
    assert "There is nothing at this address" in page.content.decode()


def test_what_is_not_allowed_is_told_in_words(client: Client, django_user_model) -> None:
    client.force_login(django_user_model.objects.create_user("new", is_staff=True))
    page = client.get(reverse("admin:gateways_gateway_changelist"))
    assert page.status_code == 403
    assert "ask whoever invited you" in page.content.decode()


def test_a_fault_is_told_in_words_and_not_in_tracebacks(superuser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        msg = "a secret detail"
        raise RuntimeError(msg)

    monkeypatch.setattr("ingest.dashboard._Fleet.gateways", fail)
    superuser.raise_request_exception = False
    page = superuser.get(reverse("admin:index"))
    assert page.status_code == 500
    assert "Something went wrong on our side" in page.content.decode()
    assert "a secret detail" not in page.content.decode()
