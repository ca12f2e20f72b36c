"""To the vendor's consent page and back: sends a browser there with a state of ours, takes it back once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _

from gateways import vault
from gateways.models import Partner
from ingest import adapters, vendors
from ingest.models import Connection, VendorCredential
from ingest.vendors.base import ConsentAdapter, Tokens
from ingest.vendors.errors import (
    VendorAuthFailed,
    VendorConsentDenied,
    VendorError,
    VendorThrottled,
    VendorUnavailable,
)
from onboarding import linking
from onboarding.models import JoinSession

log = structlog.get_logger(__name__)

LIFETIME = timedelta(hours=24)


class JoinFailed(Exception):
    """The trip failed. `code` is for machines, the text for people; `session` tells where the browser belongs.

    Codes are those of OAuth (RFC 6749, 4.1.2.1 and 5.2) and `invalid_state`, `session_expired`, `already_linked`,
    `flow_deleted`.
    """

    def __init__(self, text: str, code: str, session: JoinSession | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.session = session


@dataclass(frozen=True)
class Departure:
    """A session that has begun, and where the browser goes now."""

    session: JoinSession
    url: str


def depart(
    *, partner: Partner, vendor: str, credential: VendorCredential, clock: Callable[[], datetime], **belongs_to: Any
) -> Departure:
    """Begin a session and return the vendor's consent page for it. Raises VendorError, VaultError.

    `belongs_to`: the fields of the session that say what for (`journey`, `flow` or `connection`) and whose it is.
    """
    state, now = secrets.token_urlsafe(32), clock()
    application = adapters.open_application(credential, clock=clock)
    url = application.authorize_url(state=state, redirect_uri=redirect_uri(vendor))
    session = JoinSession(
        partner=partner, vendor=vendor, credential=credential, state_hash=hash_of(state), created_at=now,
        expires_at=now + LIFETIME, **belongs_to,
    )  # fmt: skip
    session.full_clean()
    session.save()
    return Departure(session, url)


def arrive(
    *, vendor: str, callback: Mapping[str, str], own: Collection[str], clock: Callable[[], datetime]
) -> tuple[JoinSession, Connection]:
    """Take a browser back from the vendor and connect the account; `own` are the sessions this browser began.

    Raises JoinFailed. A session works once, whatever comes of it.
    """
    session = _session(vendor, callback, own, clock())
    try:
        given = _exchange(session, callback, clock)
        connection = linking.link_consent(session, given, clock=clock)
    except linking.LinkRefused as error:
        raise failed(session, error.code, str(error)) from error
    except ValidationError as error:
        raise failed(session, "access_denied", " ".join(error.messages)) from error
    return session, connection


def redirect_uri(vendor: str) -> str:
    """Return where the vendor sends browsers back to; it is registered with the partner's application there."""
    return f"{settings.PUBLIC_URL}{reverse('auth_granted', args=[vendor])}"


def hash_of(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _session(vendor: str, callback: Mapping[str, str], own: Collection[str], now: datetime) -> JoinSession:
    """Return the session the callback is for, used up from now on."""
    adapter = vendors.adapter_class(vendor)
    state = adapter.state_of(callback) if issubclass(adapter, ConsentAdapter) else ""
    rows = JoinSession.objects.select_related("partner", "credential__partner", "journey", "flow", "connection", "user")
    session = rows.filter(vendor=vendor, state_hash=hash_of(state)).first()
    if session is None or str(session.uid) not in own:
        # Somebody else's link, or a state that nobody gave out: this browser may still have a trip under way.
        begun = rows.filter(vendor=vendor, uid__in=own, used_at=None, expires_at__gt=now).first()
        text = _("This answer does not belong to what you began here. Start again.")
        raise JoinFailed(text, "invalid_state", begun)
    # Also decided here when two answers with the same state arrive at once.
    if not JoinSession.objects.filter(pk=session.pk, used_at=None).update(used_at=now):
        raise JoinFailed(answered_already(), "invalid_request", session)
    check_open(session, now)
    return session


def _exchange(session: JoinSession, callback: Mapping[str, str], clock: Callable[[], datetime]) -> Tokens:
    assert session.credential is not None  # noqa: S101  only vendors with consents send browsers back
    label = vendors.adapter_class(session.vendor).label
    try:
        application = adapters.open_application(session.credential, clock=clock)
        return application.exchange(callback, redirect_uri=redirect_uri(session.vendor))
    except VendorConsentDenied as error:
        raise failed(session, "access_denied", _("You did not agree at %s. Nothing was linked.") % label) from error
    except VendorAuthFailed as error:
        raise failed(session, "invalid_grant", _("%s did not accept the answer. Start again.") % label) from error
    except (VendorUnavailable, VendorThrottled) as error:
        text = _("%s does not answer right now. Try again in a few minutes.") % label
        raise failed(session, "temporarily_unavailable", text) from error
    except (VendorError, vault.VaultError) as error:
        log.warning("consent not exchanged", session=str(session.uid), error=str(error))
        text = _("%s answered something we do not understand. We are looking into it.") % label
        raise failed(session, "server_error", text) from error


def check_open(session: JoinSession, now: datetime) -> None:
    """Raise JoinFailed if the session is too old, or its flow deleted."""
    if session.expires_at <= now:
        raise failed(session, "session_expired", _("This took longer than a day. Start again."))
    if session.flow and session.flow.deleted_at:
        raise failed(session, "flow_deleted", _("The link that you followed is not in use any more."))


def answered_already() -> str:
    return _("This was answered already. If it did not work, start again.")


def failed(session: JoinSession, code: str, text: str) -> JoinFailed:
    """Write down how a trip ended, and return that as an exception to raise."""
    JoinSession.objects.filter(pk=session.pk).update(error=code)
    log.info("join failed", session=str(session.uid), vendor=session.vendor, code=code)
    return JoinFailed(text, code, session)
