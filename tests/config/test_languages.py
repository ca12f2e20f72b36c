"""People read the portal in their own language: their browser's, or the one they chose."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from tests import translations

LOGIN = "/accounts/login/"
RESET = "/accounts/password/reset/"  # all allauth's own words

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def heading(page: str) -> str:
    return re.findall(r"<h1>\s*(.+?)\s*</h1>", page)[0]


def seen(client: Client, path: str, language: str = "en") -> str:
    return client.get(path, headers={"accept-language": language}).content.decode()


def test_a_page_speaks_the_language_of_the_browser(client):
    page = seen(client, LOGIN, "sv-SE,sv;q=0.9,en;q=0.5")
    assert '<html lang="sv">' in page
    assert heading(page) == "Logga in"


def test_a_page_speaks_english_to_those_whose_language_it_has_not(client):
    page = seen(client, LOGIN, "fi")
    assert '<html lang="en">' in page
    assert heading(page) == "Sign in"


@pytest.mark.parametrize("language", translations.languages())
def test_the_pages_of_allauth_speak_every_language(client, language):
    assert heading(seen(client, RESET)) == "Password Reset"
    assert heading(seen(client, RESET, language)) != "Password Reset"


def test_a_language_is_chosen_in_the_menu_and_stays(client):
    page = seen(client, LOGIN, "de")
    assert '<option value="de" lang="de" selected>Deutsch</option>' in page
    chosen = client.post("/language/", {"language": "nl", "next": LOGIN})
    assert (chosen.status_code, chosen["Location"]) == (302, LOGIN)
    assert '<html lang="nl">' in seen(client, LOGIN, "de")


def test_the_menu_names_every_language_in_itself(client):
    assert re.findall(r"<option [^>]*>(.+?)</option>", seen(client, LOGIN)) == [
        name for _code, name in settings.LANGUAGES
    ]


def test_the_menu_leads_back_to_the_page_it_is_on(client):
    assert '<input type="hidden" name="next" value="/accounts/login/?next=/admin/%3Fa%3D1&amp;b=2">' in seen(
        client, f"{LOGIN}?next=/admin/%3Fa%3D1&b=2"
    )


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_choosing_a_language_leads_to_no_other_site(client, elsewhere):
    assert client.post("/language/", {"language": "sv", "next": elsewhere})["Location"] == "/"


def test_only_a_form_of_ours_chooses_a_language():
    careful = Client(enforce_csrf_checks=True)
    assert careful.post("/language/", {"language": "sv", "next": LOGIN}).status_code == 403
    assert settings.LANGUAGE_COOKIE_NAME not in careful.cookies


def test_a_page_that_failed_altogether_still_speaks_the_language():
    with translation.override("fr"):
        page = render_to_string("500.html")
    assert '<html lang="fr">' in page
    assert "<form" not in page
