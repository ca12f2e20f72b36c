"""The browser that the App sends its user to: follows redirects, fills in forms, and comes back with an address."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

_LONGEST = 10  # redirects in a row
_TIMEOUT_S = 15


@dataclass
class Form:
    """A form of a page: what it sends, the boxes to tick, and the name and value of its first button."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    boxes: list[tuple[str, str]] = field(default_factory=list)
    button: tuple[str, str] | None = None


class Browser:
    """Shows one page at a time. It never opens an address that begins with `home`: there the App takes over."""

    def __init__(self, home: str) -> None:
        self._http = requests.Session()
        self._http.trust_env = False
        self._home, self._url = home, ""
        self.forms: list[Form] = []
        self.came_back_to = ""

    def open(self, url: str, fields: list[tuple[str, str]] | None = None) -> None:
        """Open an address, with fields as a form sends them, and whatever it redirects to."""
        for _ in range(_LONGEST):
            if url.startswith(self._home):
                self.came_back_to, self.forms = url, []
                return
            response = self._http.request(
                "POST" if fields is not None else "GET", url, data=fields, headers={"Referer": self._url or url},
                timeout=_TIMEOUT_S, allow_redirects=False,
            )  # fmt: skip
            if not response.is_redirect:
                self._url, self.forms = url, _forms(response.text)
                return
            url, fields = urljoin(url, response.headers["Location"]), None
        msg = f"more than {_LONGEST} redirects in a row"
        raise requests.TooManyRedirects(msg)

    def send(self, form: Form, *ticked: tuple[str, str], **typed: str) -> None:
        """Press a form's first button, with some boxes ticked and some fields typed."""
        pressed = [form.button] if form.button else []
        self.open(urljoin(self._url, form.action), [*(form.fields | typed).items(), *ticked, *pressed])


def _forms(html: str) -> list[Form]:
    reader = _Reader()
    reader.feed(html)
    return reader.forms


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = self._pressed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
            self._open, self._pressed = True, False
        elif self._open and tag in {"input", "button"}:
            self._add(self.forms[-1], given.get("name", ""), given.get("value", ""), given.get("type", tag))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

    def _add(self, form: Form, name: str, value: str, kind: str) -> None:
        if kind in {"button", "submit"}:
            if not self._pressed and name:
                form.button = name, value
            self._pressed = True
        elif kind == "checkbox":
            form.boxes.append((name, value))
        elif name:
            form.fields[name] = value
