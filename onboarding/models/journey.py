from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from gateways.models import Coordinates, Partner, Wallet
from ingest import vendors
from ingest.models import Connection, System
from onboarding.models.invitation import Invitation


class Journey(models.Model):
    """A homeowner's way from the link to a home that sends: a draft, of which nothing counts before it is finished.

    Which step comes next is never stored: it follows from what is here (`onboarding.steps`), so that going back, two
    tabs and a second device change nothing that was done.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="journeys")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="journeys")
    invitation = models.ForeignKey(
        Invitation, on_delete=models.SET_NULL, null=True, blank=True, related_name="journeys"
    )
    country = models.CharField(max_length=2, blank=True)
    vendor = models.CharField(max_length=30, blank=True, choices=vendors.choices)
    connection = models.ForeignKey(
        Connection, on_delete=models.SET_NULL, null=True, blank=True, related_name="journeys"
    )
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    wallet_proven = models.BooleanField(default=False)
    wallet_later = models.BooleanField(default=False, help_text="They have no wallet yet and name one later.")
    helper = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="The member of staff who goes on with it.",
    )  # fmt: skip
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    abandoned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("partner", "user"),
                condition=models.Q(finished_at__isnull=True, abandoned_at__isnull=True),
                name="journey_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(finished_at__isnull=True) | models.Q(abandoned_at__isnull=True),
                name="journey_ends_one_way",
            ),
            models.CheckConstraint(
                condition=models.Q(finished_at__isnull=True) | ~models.Q(vendor=""), name="journey_finished_with_vendor"
            ),
            models.CheckConstraint(
                condition=models.Q(wallet_later=False) | models.Q(wallet__isnull=True), name="journey_wallet_or_later"
            ),
            models.CheckConstraint(
                condition=models.Q(wallet_proven=False) | models.Q(wallet__isnull=False), name="journey_wallet_proven"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} joins {self.partner}"


class ChosenSystem(models.Model):
    """A home of the account that joins, and where it stands; the place counts once the homeowner confirmed it."""

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="chosen")
    system = models.ForeignKey(System, on_delete=models.CASCADE, related_name="+")
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    source = models.CharField(max_length=8, choices=Coordinates.Source, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("system",)
        constraints = (
            models.UniqueConstraint(fields=("journey", "system"), name="chosen_system_once"),
            models.CheckConstraint(
                condition=models.Q(confirmed_at__isnull=True)
                | (models.Q(latitude__isnull=False, longitude__isnull=False) & ~models.Q(source="")),
                name="chosen_system_confirmed_has_place",
            ),
            models.CheckConstraint(
                condition=models.Q(latitude__isnull=True) | models.Q(latitude__range=(-90, 90)),
                name="chosen_system_latitude",
            ),
            models.CheckConstraint(
                condition=models.Q(longitude__isnull=True) | models.Q(longitude__range=(-180, 180)),
                name="chosen_system_longitude",
            ),
        )

    def __str__(self) -> str:
        return str(self.system)


class JourneyEntry(models.Model):
    """Something that happened on a journey: staff see where people get stuck. `what` is a name from `journeys`."""

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="entries")
    at = models.DateTimeField()
    what = models.CharField(max_length=30)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.what} {self.detail}".strip()
