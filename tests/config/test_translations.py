"""Whatever homeowners read can be read in every language there is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Catalog, Message
from django.conf import settings

from tests import translations

LANGUAGES = translations.languages()
# What a translation has to keep: values to be filled in, percent signs, tags.
_MARKS = re.compile(r"%\(\w+\)[a-z]|%.|\{\w*\}|</?[a-z][^>]*>")

pytestmark = pytest.mark.once


def keys(catalog: Catalog) -> set[tuple[object, str | None]]:
    return {(message.id, message.context) for message in translations.texts(catalog)}


def forms(language: str) -> Iterator[tuple[Message, list[str], str]]:
    """Yield every translation with its entry and the English it stands for: one text, or singular and plural."""
    for message in translations.texts(translations.written(language)):
        english = [message.id] if isinstance(message.id, str) else list(message.id)
        for string in translations.strings(message):
            yield message, english, string


def test_there_is_a_catalog_for_every_language_in_the_menu_but_english():
    assert {code for code, _name in settings.LANGUAGES} == {"en", *LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalog_has_all_texts_of_the_portal_and_no_others(language):
    spoken, written = keys(translations.spoken()), keys(translations.written(language))
    assert spoken - written == set(), "new texts: run `make messages` and translate them"
    assert written - spoken == set(), "texts nobody says any more: run `make messages`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language):
    assert [message.id for message, _english, string in forms(language) if not string or message.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_was_left_in_english(language):
    assert [
        string for _message, english, string in forms(language) if string in english and string.count(" ") > 3
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_tags_and_margins_are_as_in_english(language):
    def shape(text: str) -> tuple[list[str], bool, bool]:
        return sorted(_MARKS.findall(text)), text[:1].isspace(), text[-1:].isspace()

    bent = [
        string for _message, english, string in forms(language) if string and shape(string) not in map(shape, english)
    ]
    assert bent == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalog_is_that_of_the_readable_one(language):
    compiled = translations.path(language).with_suffix(".mo").read_bytes()
    assert compiled == translations.compiled(language), "run `make messages`"


def test_gettext_goes_by_the_names_that_are_looked_for():
    """`from … import gettext_lazy as lazily` would hide texts from `make messages`."""
    apps = (file for app in translations.APPS for file in (translations.ROOT / app).rglob("*.py"))
    aliases = {alias for file in apps for alias in re.findall(r"\b\w*gettext\w* as (\w+)", file.read_text())}
    assert aliases <= translations.KEYWORDS.keys()
