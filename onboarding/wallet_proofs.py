"""Proof that a wallet is its owner's: they sign words of ours with it (sen.md 9).

SEN binds a gateway to a wallet for good and asks no signature of the wallet, so nobody but us would find a typo.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from gateways import wallets
from gateways.models import Partner
from onboarding.models import WalletChallenge

LIFETIME = timedelta(minutes=10)
_HOUR = timedelta(hours=1)
_MOST_AN_HOUR = 30


def take(
    *, user: User, partner: Partner, address: str, message: str, signature: str, now: datetime
) -> tuple[str, bool]:
    """Take a wallet as its holder names it: by a signature if there is one, else with new words to sign.

    Returns its address and whether it is proven. Raises ValidationError that says what to do.
    """
    if signature:
        address = prove(user=user, partner=partner, message=message, signature=signature, now=now)
    proven = has_proven(user=user, partner=partner, address=address)
    if not proven:
        challenge(user=user, partner=partner, address=address, now=now)
    return address, proven


def challenge(*, user: User, partner: Partner, address: str, now: datetime) -> WalletChallenge:
    """Make the words that the holder of `address` signs. Raises ValidationError for what is no wallet."""
    address = wallets.parse_address(address)
    mine = WalletChallenge.objects.filter(user=user)
    mine.filter(used_at=None, created_at__lt=now - _HOUR).delete()
    if mine.filter(created_at__gte=now - _HOUR).count() >= _MOST_AN_HOUR:
        raise ValidationError(_("You have tried this very often. Go on for now, and prove your wallet in an hour."))
    return WalletChallenge.objects.create(
        user=user, partner=partner, address=address, created_at=now, expires_at=now + LIFETIME,
        message=_words(partner, address, now),
    )  # fmt: skip


def open_one(*, user: User, partner: Partner, address: str, now: datetime) -> WalletChallenge | None:
    """Return the newest words for an address that can still be signed."""
    mine = WalletChallenge.objects.filter(user=user, partner=partner, address=address, used_at=None)
    return mine.filter(expires_at__gt=now).order_by("-created_at").first()


def prove(*, user: User, partner: Partner, message: str, signature: str, now: datetime) -> str:
    """Return the address whose holder signed `message`, words we gave this user; they work once.

    The signature may be hex, base64 or base58. Raises ValidationError that says what to do.
    """
    words = message.replace("\r\n", "\n").strip()  # a form sends line ends of its own
    given = WalletChallenge.objects.filter(user=user, partner=partner, message=words, used_at=None).last()
    if given is None or given.expires_at <= now:
        raise ValidationError(_("This message is too old or was used before. Sign the new one."))
    if not wallets.is_signed_by(given.address, given.message, signature):
        raise ValidationError(_("This is not the signature of this message by this wallet. Sign it again, unchanged."))
    if not WalletChallenge.objects.filter(pk=given.pk, used_at=None).update(used_at=now):
        raise ValidationError(_("This message is too old or was used before. Sign the new one."))
    return given.address


def has_proven(*, user: User, partner: Partner, address: str) -> bool:
    """Tell whether this user has signed with a wallet before."""
    return WalletChallenge.objects.filter(user=user, partner=partner, address=address, used_at__isnull=False).exists()


def _words(partner: Partner, address: str, now: datetime) -> str:
    """Return the message in the form of sen.md 9; line 1 names who asks, so that nobody else's page can use it."""
    ascii_name = partner.name.encode("ascii", "ignore").decode().strip() or partner.slug
    return "\n".join(
        (
            f"{settings.PUBLIC_URL}/ wants you to sign data with your Ed25519 key:",
            address,
            "",
            # In English for everybody: some wallets sign nothing but ASCII.
            f"Confirm that the rewards of your home at {ascii_name} shall go to this wallet. This moves no money.",
            "",
            f"Nonce: {secrets.token_hex(16)}",
            f"Issued At (UTC): {_instant(now)}",
            f"Expiration Time (UTC): {_instant(now + LIFETIME)}",
        )
    )


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
