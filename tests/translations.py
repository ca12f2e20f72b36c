"""`make messages`: bring the catalogs under locale/ up to date with what the portal says.

Texts come from the calls of gettext in Python, from the templates, and from the declarations of vendor adapters, which
know no Django. A translation is kept while its text is; nothing is guessed. The compiled .mo files are committed: they
are all that Django reads, and a fresh machine has neither gettext nor, in production, Babel to make them with.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from ingest import vendors
from ingest.vendors.base import OAuth2Code

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
APPS = ("config", "gateways", "ingest", "onboarding")
_IN_ENGLISH = ROOT / "templates" / "admin", ROOT / "templates" / "api"

Found: TypeAlias = tuple[Path, str | tuple[str, ...], str | None]
"""The file, the text (or its singular and plural), and the context that tells it from a text of the same words."""


class LeanCatalog(Catalog):
    """A catalog whose head says only what gettext needs: dates, names and versions would change by themselves."""

    def __init__(self, language: str) -> None:
        super().__init__(language, header_comment="# How this is made: docs/translations.md", fuzzy=False)

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", str(self.locale_identifier)),
            ("Plural-Forms", self.plural_forms),
            ("Content-Type", "text/plain; charset=utf-8\n"),
        ]


def languages() -> list[str]:
    """Return the codes of the languages there are, besides English."""
    return sorted(folder.name for folder in LOCALE.iterdir())


def path(language: str) -> Path:
    """Return the file that people translate in; the compiled one stands beside it."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def templates() -> list[Path]:
    """Return the templates of all that homeowners see, mails too; pages of staff and of developers are in English."""
    files = (ROOT / "templates").rglob("*.*")
    return sorted(file for file in files if not any(map(file.is_relative_to, _IN_ENGLISH)))


def spoken() -> Catalog:
    """Return every text that homeowners may be shown, each with the files it stands in."""
    catalog = Catalog()
    for file, text, context in [*_of_python(), *_of_templates(), *_of_adapters()]:
        catalog.add(text, locations=[(file.relative_to(ROOT).as_posix(), 0)], context=context)
    return catalog


def written(language: str) -> Catalog:
    """Return the catalog of a language as its file has it."""
    with path(language).open("rb") as file:
        return read_po(file)


def updated(language: str) -> LeanCatalog:
    """Return what is spoken, with the translations that the file of the language has."""
    known = written(language)
    catalog = LeanCatalog(language)
    for message in texts(spoken()):
        before = known.get(message.id, message.context)
        same = before and before.pluralizable == message.pluralizable
        string = before.string if before and same else ""
        catalog.add(message.id, string, locations=message.locations, context=message.context)
    return catalog


def compiled(language: str) -> bytes:
    """Return what the .mo file of a language has to be."""
    catalog, file = LeanCatalog(language), io.BytesIO()
    for message in texts(written(language)):
        catalog.add(message.id, message.string, context=message.context)
    write_mo(file, catalog)
    return file.getvalue()


def texts(catalog: Catalog) -> Iterator[Message]:
    """Yield the entries of a catalog without its headers, which gettext keeps under the empty text."""
    return (message for message in catalog if message.id)


def strings(message: Message) -> Sequence[str]:
    """Return the translations of an entry: one, or one for each of the language's plural forms."""
    return (message.string or "",) if isinstance(message.string, str | None) else message.string


def _of_python() -> Iterator[Found]:
    for app in APPS:
        for file in sorted((ROOT / app).rglob("*.py")):
            yield from _called(file, file.read_text())


def _of_templates() -> Iterator[Found]:
    for file in templates():
        # In brackets, the lines of a template need not be indented as Python's have to be.
        yield from _called(file, f"(\n{templatize(file.read_text(), str(file))}\n)")


def _called(file: Path, source: str) -> Iterator[Found]:
    for _line, text, _comments, context in extract("python", io.BytesIO(source.encode()), KEYWORDS):
        yield file, text, context


def _of_adapters() -> Iterator[Found]:
    """Yield what homeowners read in the forms of the vendors' clouds; staff alone fill in those of applications."""
    for adapter in map(vendors.adapter_class, vendors.VENDORS):
        file = Path(inspect.getfile(adapter))
        for scheme in adapter.schemes:
            if scheme.for_homeowners and not isinstance(scheme, OAuth2Code):
                fields = [text for field in scheme.fields for text in (field.label, field.help_text)]
                said = [scheme.label, *fields, *(step.text for step in scheme.help_steps)]
                yield from ((file, text, None) for text in said if text)


def main() -> None:
    for language in languages():
        catalog = updated(language)
        with path(language).open("wb") as file:
            write_po(file, catalog, width=0, include_lineno=False)
        path(language).with_suffix(".mo").write_bytes(compiled(language))
        missing = sum(not all(strings(message)) for message in texts(catalog))
        print(f"{language}: {len(catalog)} texts, {missing} to translate")  # noqa: T201  this is a command


if __name__ == "__main__":
    main()
