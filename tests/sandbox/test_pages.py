"""The page shell and the magic logins that the consent pages share."""

from __future__ import annotations

import pytest

from sandbox import logins, pages


@pytest.mark.parametrize(
    "login,kind",
    [("ok", "ok"), ("ok+anna", "ok"), ("badlogin_after+x@home", "badlogin_after"), ("okay", None), ("", None)],
)
def test_a_login_behaves_as_its_name_says_whatever_follows_the_plus(login: str, kind: str | None):
    assert logins.kind_of(login) == kind


def test_what_a_phone_does_to_a_login_does_not_matter():
    assert logins.tidy(" Ok+Anna ") == "ok+anna"


def test_a_page_escapes_its_title_and_is_not_kept():
    reply = pages.page("<b>", pages.alert("No <i>"), 400)
    html = reply.get_data(as_text=True)
    assert (reply.status_code, reply.headers["Cache-Control"]) == (400, "no-store")
    assert "<h1>&lt;b&gt;</h1>" in html
    assert "No &lt;i&gt;" in html


def test_every_magic_login_is_explained_on_the_page():
    assert all(f"<code>{name}</code></dt>" in pages.MAGIC_LOGINS for name in logins.LOGINS)


def test_hidden_fields_are_escaped():
    assert (
        pages.hidden({"state": '"><script>'}) == '<input type="hidden" name="state" value="&quot;&gt;&lt;script&gt;">'
    )
