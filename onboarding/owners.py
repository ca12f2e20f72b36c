"""Whose an account is, in the partner's own words, and where its owner connects it again."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse

from ingest.models import Connection
from onboarding import flow_links
from onboarding.models import Enrollment, Invitation


def with_reference(accounts: QuerySet[Connection]) -> QuerySet[Connection]:
    """Give accounts `user_reference`: what the partner calls their owner in an enrollment or invitation, else "".

    The enrollment that was used last tells, whatever it says: the others may be of somebody who had the account before.
    """
    enrolled = Enrollment.objects.filter(connection=OuterRef("pk")).order_by("-session__created_at", "-pk")
    invited = Invitation.objects.filter(partner=OuterRef("partner"), accepted_by=OuterRef("owner"))
    invited = invited.exclude(user_reference="").order_by("-accepted_at", "-pk")
    known = [Subquery(rows.values("user_reference")[:1]) for rows in (enrolled, invited)]
    return accounts.annotate(user_reference=Coalesce(*known, Value(""), output_field=CharField()))


def reconnect_address(connection: Connection) -> str:
    """Return the page where an owner connects an account again; there is no token in it: they sign in there.

    Who came through a Join flow goes through it again. Raises ValidationError where there is no owner to go anywhere.
    """
    if connection.owner_id:
        return f"{settings.PUBLIC_URL}{reverse('home_reconnect', args=[connection.uid])}"
    last = connection.enrollments.select_related("flow").order_by("session__created_at", "pk").last()
    if last and last.flow.deleted_at is None:
        return flow_links.of(flow=last.flow, vendor=connection.vendor, user_reference=last.user_reference)
    msg = "This account has no owner who could connect it again: give it new secrets yourself, with `reconnect`."
    raise ValidationError(msg)
