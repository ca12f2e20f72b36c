"""Where browsers are sent back to with an answer: one exact address of a page, which browsers and we read alike."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ValidationError
from django.utils.encoding import iri_to_uri


def check(uri: str, *, schemes: Collection[str], answers: Collection[str]) -> None:
    """Refuse what is not one exact address with one of these schemes, or names one of our `answers` in its query.

    Raises ValidationError.
    """
    try:
        parts = urlsplit(uri)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        msg = "The redirect URI is no address of a page."
        raise ValidationError(msg) from error
    if parts.scheme not in schemes or not uri.startswith(f"{parts.scheme}://") or not host:
        msg = "The redirect URI begins with https:// and the name of your site; http:// is for sandbox partners."
        raise ValidationError(msg)
    # A comma or semicolon in the site's name would end its entry in our pages' security policy.
    if set("@,;") & set(parts.netloc) or set("#*\\") & set(uri):
        msg = (
            "The redirect URI is one exact address: a site's name as it is, no user name, no #, no * and no backslash."
        )
        raise ValidationError(msg)
    if iri_to_uri(uri) != uri:
        msg = "Write the redirect URI as it is sent: other letters as %C3%A5, the site's name in its xn-- form."
        raise ValidationError(msg)
    if taken := set(answers) & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        msg = f"We add {', '.join(sorted(taken))} to the redirect URI ourselves: leave it out."
        raise ValidationError(msg)
