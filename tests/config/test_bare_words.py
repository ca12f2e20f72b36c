"""No English stands bare in the templates: what homeowners read goes through gettext."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.template.base import Lexer, TokenType

from tests import translations

TEMPLATES = translations.templates()
_READ_ALOUD = {"alt", "aria-description", "aria-label", "aria-roledescription", "placeholder", "summary", "title"}
# The same in every language.
_EVERYWHERE = {"kW", "kWh", "W", "Wh", "CSV", "JSON"}
# Inside tags: `_("…")` is translated; other quoted things are names unless they look like a label or a phrase.
_TRANSLATED = re.compile(r"""_\((?:"[^"]*"|'[^']*')\)""")
_PROSE = re.compile(r"""["'](?:[A-Z][a-z]|\w{2,}[,.]? \w)""")
_WORDS_OF_FILTERS = re.compile(
    r"""\|\s*(?:default|default_if_none|yesno|pluralize)(?::["'][^"']*[A-Za-z]|(?=pluralize))"""
)
# DATE_FORMAT and the like know each language's order; "j F Y" is English.
_ENGLISH_DATE = re.compile(r"""\|\s*(?:date|time):["'](?![A-Z_]{8,}["']|[HGis:.]+["'])""")

pytestmark = pytest.mark.once


class Words(HTMLParser):
    """Collects what people read or hear of a page: its text, and the attributes that are read aloud or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found += [data.strip()] if self.cdata_elem is None else []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.found += [given[name] for name in sorted(_READ_ALOUD & given.keys())]
        self.found += (
            [given["value"]] if given.get("type") in {"submit", "button", "reset"} and "value" in given else []
        )
        # Scripts say what their data attributes tell them; names and selectors are one word in lower case.
        self.found += [value for name, value in given.items() if name.startswith("data-") and _PROSE.match(f'"{value}')]


def bare_words(template: str) -> list[str]:
    """Return the English in a template that no translation reaches."""
    outside, tags = _split(template)
    words = Words()
    words.feed(outside)
    words.close()
    shown = [text for text in words.found if set(re.findall(r"[^\W\d_]+", text)) - _EVERYWHERE]
    return shown + [tag for tag in tags if any(sign.search(tag) for sign in (_PROSE, _WORDS_OF_FILTERS, _ENGLISH_DATE))]


def _split(template: str) -> tuple[str, list[str]]:
    """Return the text outside blocks of translation and comments, and the tags without what they translate."""
    text, tags, inside = "", [], ""
    for token in Lexer(template).tokenize():
        name = token.split_contents()[0] if token.token_type == TokenType.BLOCK else ""
        if inside or name in {"blocktranslate", "blocktrans", "comment"}:
            inside = "" if name == f"end{inside}" else inside or name
        elif token.token_type == TokenType.TEXT:
            text += token.contents
        elif token.token_type != TokenType.COMMENT and name not in {"translate", "trans"}:
            tags.append(_TRANSLATED.sub("", token.contents))
    return text, tags


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(translations.ROOT).as_posix())
def test_every_word_of_a_template_can_be_translated(template):
    assert bare_words(template.read_text()) == []


@pytest.mark.parametrize(
    "template",
    [
        "<p>Hello</p>",
        "<p>{% if user %}Hello{% endif %}</p>",
        "{% blocktranslate %}Hello{% endblocktranslate %} you",
        "<nav aria-label='Your account'></nav>",
        '<input type="submit" value="Send">',
        '<input placeholder="Street">',
        '<div data-failed="Your position is not known."></div>',
        "<title>Portal</title>",
        '{% include "tile.html" with label="Now" %}',
        '{{ name|default:"nobody" }}',
        '{{ reward|yesno:"met,open" }}',
        "gateway{{ count|pluralize }}",
        '{{ seen_at|date:"j F Y" }}',
        "Subject of a mail",
    ],
)
def test_bare_english_is_found(template):
    assert bare_words(template)


@pytest.mark.parametrize(
    "template",
    [
        '<p>{% translate "Hello" %} {{ name }} 1 · 2 kWh</p>',
        "{% blocktranslate trimmed count n=homes %}One home{% plural %}{{ n }} homes{% endblocktranslate %}",
        "{% comment %} Why this is so. {% endcomment %}{# And this. #}",
        '<a class="button plain" href="{% url "join:start" slug=partner.slug %}" title="{% translate "Go" %}">→</a>',
        '<div data-map data-latitude-input="#id_latitude" data-failed="{% translate "Not known" %}"></div>',
        '{% include "tile.html" with label=_("Now") %}',
        '{{ name|default:_("nobody") }} {{ seen_at|date:"SHORT_DATETIME_FORMAT" }} {{ seen_at|date:"H:i" }}',
        "<script nonce='{{ n }}'>const words = 1;</script>",
    ],
)
def test_translated_text_and_names_are_left_alone(template):
    assert bare_words(template) == []
