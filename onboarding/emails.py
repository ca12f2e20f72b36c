"""Mail to people: one layout, as text and as simple HTML, in the language that is active."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formataddr, parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from gateways.models import Partner


class NotSent(Exception):
    """The mail server did not take a mail; it may be tried again."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What a mail says: paragraphs, and a link that stands as a button in HTML and on a line of its own in text."""

    subject: str
    paragraphs: Sequence[str]
    link: str
    link_text: str
    stop_link: str = ""
    """where its reader asks for no more mails of the kind"""


def send(letter: Letter, *, to: Sequence[str], partner: Partner) -> None:
    """Send a letter in a partner's name. Raises NotSent. Never called inside a transaction."""
    page = getattr(partner, "join_page", None)
    context = {"letter": letter, "partner": partner, "support": page.support_email if page else ""}
    mail = EmailMultiAlternatives(
        subject=_one_line(letter.subject),
        body=render_to_string("emails/letter.txt", context),
        from_email=formataddr((_one_line(partner.name), parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        to=list(to),
        reply_to=[page.support_email] if page and page.support_email else None,
        headers=_ways_out(letter),
    )
    mail.attach_alternative(render_to_string("emails/letter.html", context), "text/html")
    try:
        mail.send()
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(str(error)) from error


def absolute(path: str) -> str:
    """Return the address of a page of ours as it stands in a mail."""
    return f"{settings.PUBLIC_URL}{path}"


def _one_line(text: str) -> str:
    """Return a text as a header may hold it; a label of an account, say, is whatever was sent to us."""
    return " ".join(text.split())


def _ways_out(letter: Letter) -> dict[str, str]:
    """Return the headers by which mail programs offer to unsubscribe, with one click (RFC 8058)."""
    if not letter.stop_link:
        return {}
    return {"List-Unsubscribe": f"<{letter.stop_link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
