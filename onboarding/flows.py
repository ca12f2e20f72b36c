"""Partners' Join flows: what a partner's own site asks consent for. Made once, never changed, only deleted."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from gateways import events, redirect_uris
from gateways.events import By
from gateways.models import Partner
from gateways.vault.fields import sealed_field
from ingest import vendors
from ingest.models import VendorCredential
from ingest.readings import Kind
from ingest.vendors.base import AuthScheme, OAuth2Code
from ingest.vendors.errors import VendorUnsupported
from onboarding import enrollments
from onboarding.models import Consent, FlowVendor, JoinFlow

ANSWERS = frozenset({"state", "enrollmentID", "error", "error_description", "ts", "signature"})


@transaction.atomic
def create_flow(  # noqa: PLR0913  all there is to say of a flow, by keyword
    *,
    partner: Partner,
    name: str,
    redirect_uri: str,
    vendors: Mapping[str, VendorCredential | None],
    purposes: Collection[str],
    kinds: Collection[str],
    by: By,
    now: datetime,
    language: str = "",
) -> JoinFlow:
    """Make a flow for these vendors, each with the partner's application or, where homeowners have keys, with None.

    `language` is that of our own pages; empty: the browser's. Raises ValidationError.
    """
    try:
        check_redirect_uri(redirect_uri, partner)
    except ValidationError as error:
        raise ValidationError({"redirect_uri": error.messages}) from error
    _check_vendors(vendors, partner)
    _check_scopes(purposes, kinds, language)
    enrollments.gateway_type_of(partner)
    flow = JoinFlow(
        partner=partner, name=name, redirect_uri=redirect_uri, language=language, created_at=now,
        purposes=[purpose.value for purpose in Consent.Purpose if purpose in purposes],
        kinds=[kind.value for kind in Kind if kind in kinds],
    )  # fmt: skip
    sealed_field(JoinFlow, "secret").seal(flow, secrets.token_urlsafe(32))
    flow.full_clean()
    flow.save()
    for slug, credential in vendors.items():
        FlowVendor.objects.create(flow=flow, vendor=slug, credential=credential)
    events.note(flow, events.FLOW_CREATED, by, now, redirect_uri=redirect_uri, vendors=sorted(vendors))
    return flow


@transaction.atomic
def delete_flow(*, flow: JoinFlow, by: By, now: datetime) -> None:
    """Take a flow out of use. Trips under way end with an error at the partner; accounts that joined stay."""
    if JoinFlow.objects.filter(pk=flow.pk, deleted_at=None).update(deleted_at=now):
        events.note(flow, events.FLOW_DELETED, by, now)


@transaction.atomic
def reveal_secret(*, flow: JoinFlow, by: By, now: datetime) -> str:
    """Return what the flow's answers are signed with; that somebody saw it is an Event. Raises VaultError."""
    events.note(flow, events.FLOW_SECRET_REVEALED, by, now)
    return open_secret(flow)


def open_secret(flow: JoinFlow) -> str:
    """Return what the flow's answers are signed with. Raises VaultError."""
    return sealed_field(JoinFlow, "secret").unseal(flow)


def address(flow: JoinFlow) -> str:
    """Return where a partner's site sends browsers: with `vendor`, `state` and `user` in the query."""
    return f"{settings.PUBLIC_URL}{reverse('flow_authorize', args=[flow.uid])}"


def key_scheme(vendor: str) -> AuthScheme | None:
    """Return the way in of a vendor whose homeowners have keys, None where they consent on its own pages."""
    schemes = vendors.adapter_class(vendor).schemes
    return next((one for one in schemes if one.for_homeowners and not isinstance(one, OAuth2Code)), None)


def check_redirect_uri(uri: str, partner: Partner) -> None:
    """Refuse what is not one exact address of a page: https, http for sandbox partners only. Raises ValidationError."""
    schemes = {"https", "http"} if partner.is_sandbox else {"https"}
    redirect_uris.check(uri, schemes=schemes, answers=ANSWERS)


def _check_vendors(chosen: Mapping[str, VendorCredential | None], partner: Partner) -> None:
    if not chosen:
        msg = "Choose at least one vendor."
        raise ValidationError({"vendors": msg})
    for slug, credential in chosen.items():
        try:
            fits = _fits(slug, credential, partner)
        except VendorUnsupported as error:
            raise ValidationError({"vendors": str(error)}) from error
        if not fits:
            msg = (
                f"{vendors.adapter_class(slug).label}: choose an application of this partner for homeowners' consents."
            )
            raise ValidationError({"vendors": msg})


def _fits(slug: str, credential: VendorCredential | None, partner: Partner) -> bool:
    if credential is None:
        return key_scheme(slug) is not None
    scheme = vendors.scheme_of(slug, credential.scheme) if credential.vendor == slug else None
    return credential.partner_id == partner.pk and isinstance(scheme, OAuth2Code) and scheme.for_homeowners


def _check_scopes(purposes: Collection[str], kinds: Collection[str], language: str) -> None:
    if not purposes or set(purposes) - set(Consent.Purpose.values):
        msg = f"Choose what the readings are for: {', '.join(Consent.Purpose.values)}."
        raise ValidationError({"purposes": msg})
    if not kinds or set(kinds) - set(Kind):
        msg = f"Choose what is shared: {', '.join(Kind)}."
        raise ValidationError({"kinds": msg})
    if language and language not in dict(settings.LANGUAGES):
        msg = f"There are pages in {', '.join(dict(settings.LANGUAGES))}."
        raise ValidationError({"language": msg})
