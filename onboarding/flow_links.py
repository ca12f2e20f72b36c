"""The links by which a partner's site, or its backend, sends a homeowner's browser to a Join flow."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.core.exceptions import ValidationError

from onboarding import answers, flows
from onboarding.models import FlowVendor, JoinFlow

LONGEST_REFERENCE = 100


def wrong(chosen: FlowVendor | None, state: str, user: str) -> str:
    """Return what is wrong with a link, in words for a partner's developers; nothing if it is right.

    `state` as it stands in the address, `user` as it is.
    """
    if chosen is None:
        return "vendor is missing or none of this flow's."
    if len(state) > answers.MAX_STATE:
        return f"state is longer than {answers.MAX_STATE} characters, as it stands in the address."
    if len(user) > LONGEST_REFERENCE or not user.isprintable():
        return f"user is longer than {LONGEST_REFERENCE} characters, or cannot be printed."
    return ""


def of(*, flow: JoinFlow, vendor: str, user_reference: str, state: str = "") -> str:
    """Return the link for one homeowner; there is nothing secret in it. Raises ValidationError for one that fails."""
    if flow.deleted_at:
        msg = "This flow is deleted: its links do not work any more."
        raise ValidationError(msg)
    chosen = flow.vendors.filter(vendor=vendor).first()
    if said := wrong(chosen, quote(state, safe=""), user_reference):
        raise ValidationError(said if chosen else {"vendor": said})
    query = {"vendor": vendor, "user": user_reference, "state": state}
    given = {name: value for name, value in query.items() if value}
    return f"{flows.address(flow)}?{urlencode(given, quote_via=quote, safe='')}"
