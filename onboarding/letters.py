"""The words of the mails that the portal writes: to homeowners in the language that is active, to staff in English."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.core import signing
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gateways.models import Partner
from ingest import vendors
from ingest.models import Connection, VendorCredential
from onboarding.emails import Letter, absolute
from onboarding.models import Consent, Invitation, Journey, WebhookEndpoint

_STOP_SALT = "no more reminders"


def invitation(row: Invitation, path: str) -> Letter:
    """Ask a homeowner in; `path` has the token of this mail."""
    return Letter(
        subject=_("%(partner)s invites you: let your home earn rewards") % {"partner": row.partner.name},
        paragraphs=[
            greeting(row.name),
            _(
                "Your solar panels, battery and meter already measure what they do. %(partner)s can sign those readings"
                " and send them to the Sourceful Energy Network, where they earn you rewards."
            )
            % {"partner": row.partner.name},
            _("It takes about three minutes. You choose what is shared, and you can stop at any time."),
            _("The link is yours alone and works until %(date)s.") % {"date": date_format(row.expires_at)},
        ],
        link=absolute(path),
        link_text=_("Join"),
    )


def reminder(journey: Journey) -> Letter:
    """Remind somebody, once, of a journey that stands still."""
    name = journey.invitation.name if journey.invitation else ""
    return Letter(
        subject=_("Your home is not connected to %(partner)s yet") % {"partner": journey.partner.name},
        paragraphs=[
            greeting(name),
            _("You began to connect your home and did not get to the end. Nothing you entered is lost."),
            _("Go on where you stopped, on this device or another one. We do not write about this again."),
        ],
        link=way_on(journey),
        link_text=_("Go on"),
        stop_link=stop_link(journey.partner, journey.user),
    )


def reconnect(connection: Connection) -> Letter:
    """Tell an owner that the vendor wants their consent or key again."""
    return Letter(
        subject=_("Please reconnect %(vendor)s") % {"vendor": _vendor(connection.vendor)},
        paragraphs=[
            greeting(""),
            _("%(vendor)s does not let us read your home any more: a password was changed, or the consent ended there.")
            % {"vendor": _vendor(connection.vendor)},
            _("Connect it again with one tap. What your home measures meanwhile is fetched afterwards."),
        ],
        link=absolute(reverse("home_reconnect", args=[connection.uid])),
        link_text=_("Reconnect"),
    )


def staff_reconnect(connection: Connection) -> Letter:
    """Tell a partner's staff that an account without an owner of ours needs new keys or a new consent."""
    vendor = _vendor(connection.vendor)
    return Letter(
        subject=f"Reconnect {vendor}: {connection.label}",
        paragraphs=[
            f"{vendor} refuses the account “{connection.label}”. It is not read until somebody connects it again.",
            f"What it measures meanwhile is fetched afterwards, as far back as {vendor} keeps it.",
        ],
        link=absolute(reverse("admin:ingest_connection_change", args=[connection.pk])),
        link_text="Open the connection",
    )


def credential_expires(credential: VendorCredential, days: int) -> Letter:
    """Warn a partner's staff that what they have from a vendor ends soon."""
    vendor, accounts = _vendor(credential.vendor), credential.connections.count()
    return Letter(
        subject=f"{credential.name} ({vendor}) expires in {days} day{pluralize(days)}",
        paragraphs=[
            f"{accounts} account{pluralize(accounts)} will not be read any more when it has expired.",
            f"Get a new one from {vendor} and replace the keys in the portal.",
        ],
        link=absolute(reverse("admin:ingest_vendorcredential_change", args=[credential.pk])),
        link_text="Replace the keys",
    )


def webhook_paused(endpoint: WebhookEndpoint) -> Letter:
    """Tell a partner's staff that events are not delivered to their own system any more."""
    return Letter(
        subject=f"Webhook paused: {endpoint}",
        paragraphs=[
            f"{endpoint.host} {endpoint.get_paused_reason_display()}: events are not delivered to it any more.",
            "Nothing is lost. Mend it, then test or resume it here, and it gets everything since, in order.",
        ],
        link=absolute(reverse("admin:onboarding_webhookendpoint_change", args=[endpoint.pk])),
        link_text="Open the webhook",
    )


def consent_expires(consent: Consent, connection: Connection, days: int) -> Letter:
    """Warn a homeowner that what they agreed to ends soon."""
    vendor = _vendor(consent.vendor)
    return Letter(
        subject=ngettext(
            "Your consent for %(vendor)s ends in %(days)d day",
            "Your consent for %(vendor)s ends in %(days)d days",
            days,
        )
        % {"vendor": vendor, "days": days},
        paragraphs=[
            greeting(""),
            _("On %(date)s your consent to read your home from %(vendor)s ends by itself, and so do the rewards.")
            % {"date": date_format(consent.expires_at), "vendor": vendor},
            _("If you would like to go on, agree again. If not, you need not do anything."),
        ],
        link=absolute(reverse("home_sharing", args=[connection.uid])),
        link_text=_("Agree again"),
    )


def greeting(name: str) -> str:
    return _("Hello %(name)s,") % {"name": name} if name else _("Hello,")


def way_on(journey: Journey) -> str:
    """Return where somebody goes on, on any device; a join page that is closed lets in who has signed in first."""
    welcome = reverse("join_welcome", args=[journey.partner.slug])
    page = getattr(journey.partner, "join_page", None)
    is_open = page is None or page.open
    return absolute(welcome if is_open else reverse("account_login", query={"next": welcome}))


def stop_link(partner: Partner, user: User) -> str:
    """Return the address where somebody asks a partner for no more reminders, without signing in."""
    token = signing.dumps([partner.pk, user.pk], salt=_STOP_SALT)
    return absolute(reverse("no_reminders", args=[token]))


def read_stop_token(token: str) -> tuple[int, int]:
    """Return (partner, user) of a link made by `stop_link`. Raises signing.BadSignature."""
    partner, user = signing.loads(token, salt=_STOP_SALT)
    return partner, user


def days_until(end: datetime, now: datetime) -> int:
    """Return the days until a time, a day that has begun counted whole."""
    return -((now - end).days)


def _vendor(slug: str) -> str:
    return vendors.adapter_class(slug).label
