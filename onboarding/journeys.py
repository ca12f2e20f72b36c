"""What homeowners do on their journey, step by step. Every action may be repeated; none undoes a later one unasked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from gateways import actions as gateway_actions
from gateways import events, wallets
from gateways.events import By
from gateways.models import Gateway, Partner, Wallet
from ingest import locks
from ingest.models import Connection, System
from ingest.readings import Kind
from onboarding import actions, consents, invitations, my_sharing
from onboarding.models import ChosenSystem, Consent, Invitation, Journey, JourneyEntry

STARTED = "started"
BRAND_CHOSEN = "brand chosen"
AGREED = "agreed"
SENT_TO_VENDOR = "sent to the vendor"
VENDOR_FAILED = "vendor failed"
CONNECTED = "connected"
SYSTEMS_CHOSEN = "homes chosen"
WALLET_NAMED = "wallet named"
WALLET_LATER = "wallet later"
PLACE_CONFIRMED = "place confirmed"
FINISHED = "finished"
TAKEN_OVER = "taken over by staff"
REMINDED = "reminded"
ABANDONED = "abandoned"


class Over(ValidationError):
    """The journey was finished, left or went on with another brand meanwhile, perhaps in another window."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text or _("This has been finished already, perhaps in another window."))


@dataclass(frozen=True)
class Place:
    """Where a home stands, in degrees (WGS 84), and how that is known (`Coordinates.Source`)."""

    latitude: Decimal
    longitude: Decimal
    source: str


@transaction.atomic
def begin(*, partner: Partner, user: User, now: datetime, invitation: Invitation | None = None) -> Journey:
    """Return the homeowner's open journey with a partner, a new one if there is none.

    A new one begins with the brand of the invitation, which counts as accepted from then on. Raises invitations.Used.
    """
    events.lock(partner.pk)
    journey, created = Journey.objects.get_or_create(
        partner=partner, user=user, finished_at=None, abandoned_at=None,
        defaults={"created_at": now, "seen_at": now, "invitation": invitation},
    )  # fmt: skip
    if created:
        if invitation:
            journey.vendor = invitation.vendor
            journey.save()
            invitations.accept(invitation=invitation, user=user, now=now)
        note(journey, STARTED, now)
    return journey


def under_way(partner: Partner, user: User) -> Journey | None:
    """Return the homeowner's open journey with a partner."""
    journeys = Journey.objects.select_related("partner", "user", "connection", "wallet")
    return journeys.filter(partner=partner, user=user, finished_at=None, abandoned_at=None).first()


@transaction.atomic
def choose_brand(*, journey: Journey, country: str, vendor: str, by: By, now: datetime) -> Journey:
    """Choose the vendor. Another one than before leaves behind the account that was connected, and what was agreed."""
    journey = _open(journey)
    if journey.vendor != vendor:
        _leave(journey, by, now)
    journey.country, journey.vendor = country, vendor
    _save(journey, BRAND_CHOSEN, now, vendor)
    return journey


@transaction.atomic
def agree(
    *, journey: Journey, purposes: Collection[str], kinds: Collection[str], language: str, now: datetime
) -> Journey:
    """Record the homeowner's consent; on an account connected already it counts at once."""
    journey = _open(journey)
    consents.give(
        partner=journey.partner, user=journey.user, vendor=journey.vendor, connection=journey.connection,
        purposes=purposes, kinds=[kind.value for kind in Kind if kind in kinds], language=language, now=now,
    )  # fmt: skip
    if journey.connection:
        consents.enforce(connection=journey.connection, by=journey.user, now=now)
    _save(journey, AGREED, now, ", ".join(sorted(purposes)))
    return journey


def attach(*, journey: Journey, connection: Connection, now: datetime) -> Journey:
    """Go on with the account that was just connected.

    Raises Over where it is not wanted any more, having let it go.
    """
    try:
        return _attach(journey, connection, now)
    except Over:
        _let_go(connection, "homeowner", now)
        raise


@transaction.atomic
def choose_systems(*, journey: Journey, systems: Collection[System], now: datetime) -> Journey:
    """Choose which homes of the account join; what the vendor knows of their place is filled in, unconfirmed."""
    journey = _open(journey)
    if not systems or any(system.connection_id != journey.connection_id for system in systems):
        raise ValidationError(_("Choose at least one home of this account."))
    if any(has_joined(system) for system in systems):
        raise ValidationError(_("This home has joined already."))
    journey.chosen.exclude(system__in=systems).delete()
    for system in systems:
        ChosenSystem.objects.get_or_create(journey=journey, system=system, defaults=_known_place(system))
    _save(journey, SYSTEMS_CHOSEN, now, str(len(systems)))
    return journey


@transaction.atomic
def name_wallet(*, journey: Journey, address: str, proven: bool, now: datetime) -> Journey:
    """Name the wallet for the rewards. Raises ValidationError for what is no wallet."""
    journey = _open(journey)
    wallet, _created = Wallet.objects.get_or_create(partner=journey.partner, address=wallets.parse_address(address))
    journey.wallet, journey.wallet_proven, journey.wallet_later = wallet, proven, False
    _save(journey, WALLET_NAMED, now, "proven" if proven else "")
    return journey


@transaction.atomic
def postpone_wallet(*, journey: Journey, now: datetime) -> Journey:
    """Go on without a wallet: readings are kept, and earn nothing before one is named."""
    journey = _open(journey)
    journey.wallet, journey.wallet_proven, journey.wallet_later = None, False, True
    _save(journey, WALLET_LATER, now)
    return journey


@transaction.atomic
def confirm_places(*, journey: Journey, places: Mapping[int, Place], now: datetime) -> Journey:
    """Confirm where the chosen homes stand; `places` goes by the id of the ChosenSystem. Raises ValidationError."""
    journey = _open(journey)
    for chosen in journey.chosen.filter(pk__in=places):
        place = places[chosen.pk]
        chosen.latitude, chosen.longitude = round(place.latitude, 6), round(place.longitude, 6)
        chosen.source, chosen.confirmed_at = place.source, now
        chosen.full_clean()
        chosen.save()
    _save(journey, PLACE_CONFIRMED, now)
    return journey


@transaction.atomic
def finish(*, journey: Journey, by: By, now: datetime) -> Journey:
    """Turn the draft into homes that send: gateways with owner, wallet and place, all or none. Raises ValidationError.

    A journey that is finished already stays as it is.
    """
    journey = _locked(journey)
    if journey.finished_at:
        return journey
    if journey.abandoned_at:
        raise Over
    connection = journey.connection
    said = journey.chosen.exists() and (journey.wallet or journey.wallet_later)
    if not said or connection is None or not consents.active(connection).exists():
        raise ValidationError(_("Something is missing yet: go on with the next step."))
    for chosen in journey.chosen.select_related("system"):
        _make_home(journey, chosen, by, now)
    consents.enforce(connection=connection, by=by, now=now)
    journey.finished_at = now
    _save(journey, FINISHED, now)
    return journey


@transaction.atomic
def take_over(*, journey: Journey, by: User, now: datetime) -> Journey:
    """Let a member of staff go on with a journey; the homeowner may go on, too. What they agree to stays their own."""
    journey = _open(journey)
    journey.helper = by
    journey.save(update_fields=["helper"])
    note(journey, TAKEN_OVER, now, by.email or by.username)
    return journey


@transaction.atomic
def abandon(*, journey: Journey, by: By, now: datetime) -> None:
    """Give up a journey; an account that was connected for nothing is disconnected."""
    journey = _open(journey)
    _leave(journey, by, now)
    journey.abandoned_at = now
    _save(journey, ABANDONED, now)


def has_joined(system: System) -> bool:
    """Tell whether a home has a gateway that was not let go."""
    return system.gateway is not None and system.gateway.status != Gateway.Status.RELEASED


def note(journey: Journey, what: str, now: datetime, detail: str = "") -> None:
    """Add to the journey's timeline; repeats of the same are not added."""
    last = journey.entries.last()
    if last is None or (last.what, last.detail) != (what, detail[:300]):
        JourneyEntry.objects.create(journey=journey, at=now, what=what, detail=detail[:300])


@transaction.atomic
def _attach(journey: Journey, connection: Connection, now: datetime) -> Journey:
    journey = _open(journey, connection)
    if connection.vendor != journey.vendor:
        raise Over(_("You chose another brand meanwhile, perhaps in another window."))
    before, journey.connection = journey.connection, connection
    if before and before != connection:
        journey.chosen.all().delete()
        if not _has_homes(before):  # what was agreed to is for the account that takes its place
            consents.detach(connection=before)
        _let_go(before, journey.user, now)
    consents.attach(connection=connection, user=journey.user, now=now)
    consents.enforce(connection=connection, by=journey.user, now=now)
    _save(journey, CONNECTED, now, connection.vendor)
    return journey


def _open(journey: Journey, *also: Connection) -> Journey:
    journey = _locked(journey, *also)
    if journey.finished_at or journey.abandoned_at:
        raise Over
    return journey


def _locked(journey: Journey, *also: Connection) -> Journey:
    """Return the journey as it is now, locked, and with it the accounts, which come before the partner everywhere."""
    rows = Journey.objects.select_related("partner", "user", "connection", "wallet")
    journey = rows.select_for_update(of=("self",)).get(pk=journey.pk)
    accounts = [account for account in (journey.connection, *also) if account]
    locks.lock(System.objects.filter(connection__in=accounts), accounts)
    if journey.connection:
        journey.connection.refresh_from_db()
    return journey


def _save(journey: Journey, what: str, now: datetime, detail: str = "") -> None:
    journey.seen_at = now
    journey.full_clean()
    journey.save()
    note(journey, what, now, detail)


def _leave(journey: Journey, by: By, now: datetime) -> None:
    connection, journey.connection = journey.connection, None
    journey.chosen.all().delete()
    for consent in consents.waiting(journey.partner, journey.user, journey.vendor):
        consents.end(consent=consent, ending=Consent.Ending.STOPPED, by=by, now=now)
    if connection:
        _let_go(connection, by, now)


@transaction.atomic
def _let_go(connection: Connection, by: By, now: datetime) -> None:
    """Disconnect an account, unless a home came of it."""
    locks.lock(connection.systems.all(), [connection])
    if not _has_homes(connection):
        my_sharing.disconnect(connection=connection, by=by, now=now)


def _has_homes(connection: Connection) -> bool:
    return any(has_joined(system) for system in connection.systems.select_related("gateway"))


def _known_place(system: System) -> dict[str, object]:
    if not (system.latitude and system.longitude):  # a vendor that does not know the place may send zeros
        return {}
    place = {"latitude": round(Decimal(system.latitude), 6), "longitude": round(Decimal(system.longitude), 6)}
    return {**place, "source": "vendor"}


def _make_home(journey: Journey, chosen: ChosenSystem, by: By, now: datetime) -> None:
    if chosen.confirmed_at is None or chosen.latitude is None or chosen.longitude is None:
        raise ValidationError(_("Confirm where each home stands first."))
    gateway_type = journey.partner.join_page.gateway_type
    gateway = actions.give_gateway(system=chosen.system, gateway_type=gateway_type, owner=journey.user, by=by, now=now)
    if journey.wallet and gateway.wallet is None:
        gateway_actions.bind_wallet(
            gateway=gateway, address=journey.wallet.address, proven=journey.wallet_proven, by=by, now=now
        )
    gateway_actions.locate_gateway(
        gateway=gateway, latitude=chosen.latitude, longitude=chosen.longitude, source=chosen.source, by=by, now=now,
        consented_at=chosen.confirmed_at,
    )  # fmt: skip
