"""/api/v1/vendors: who can be connected, how, what is got from them, and how their clouds do right now."""

from __future__ import annotations

import operator
from datetime import datetime
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.oauth import scopes
from gateways.rest import paging
from gateways.rest.requests import Document
from gateways.rest.views import Endpoint
from ingest import health, vendors
from ingest.readings import Kind
from ingest.vendors.base import AuthScheme, OAuth2Code, PullPolicy


class SecretDocument(Document):
    """One thing that a way in asks for."""

    name = serializers.CharField(help_text="Its name in `secrets` of credentials and connections.")
    label = serializers.CharField()  # type: ignore[assignment]  # the document's
    help = serializers.CharField()
    is_secret = serializers.BooleanField()


class WayInDocument(Document):
    """One way into a vendor's cloud."""

    type = serializers.CharField(help_text="`type` of credentials and connections.")
    label = serializers.CharField()  # type: ignore[assignment]  # the document's
    is_used = serializers.BooleanField(help_text="False: such keys are kept until we know how to use them.")
    by_consent = serializers.BooleanField(
        help_text="True: these are the keys of your application, and each owner consents on the vendor's own page."
    )
    for_homeowners = serializers.BooleanField(help_text="False: it opens more than one home, so only you may give it.")
    approved_by_vendor = serializers.BooleanField(help_text="True: the vendor looks at each account first.")
    secrets = SecretDocument(many=True)


class ReadingDocument(Document):
    """What is read from a vendor, and how often."""

    resources = serializers.ListField(child=serializers.CharField(), help_text="In the vendor's own words.")
    interval_s = serializers.IntegerField(help_text="Seconds between two readings of an account.")
    window_s = serializers.IntegerField(help_text="The longest span that is asked for at once, in seconds.")
    late_data_s = serializers.IntegerField(help_text="How far back is read again each time: data still comes there.")
    history_s = serializers.IntegerField(help_text="History that a new system comes with, in seconds.")
    longest_gap_s = serializers.IntegerField(help_text="How far back is read after a silence, in seconds.")


class VendorHealthDocument(Document):
    """How a vendor's cloud does, by what we were answered in the last half hour."""

    up = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True, help_text="Since when it is not.")


class VendorDocument(Document):
    """A vendor. One that is not `supported` is announced: its credentials can be kept already."""

    id = serializers.CharField(help_text="`vendor` everywhere else.")
    label = serializers.CharField()  # type: ignore[assignment]  # the document's
    supported = serializers.BooleanField()
    beta = serializers.BooleanField()
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=[str(kind) for kind in Kind]), help_text="Of which DERs it tells."
    )
    countries = serializers.ListField(
        child=serializers.CharField(), help_text="Where homeowners have it (ISO 3166-1 alpha-2); empty: everywhere."
    )
    ways_in = WayInDocument(many=True)
    reading = ReadingDocument(allow_null=True)
    health = VendorHealthDocument(allow_null=True)

    example: ClassVar = {
        "id": "solis", "label": "Solis", "supported": True, "beta": False, "kinds": ["battery", "meter", "pv"],
        "countries": [],
        "ways_in": [
            {
                "type": "apikeysecret", "label": "API key and secret", "is_used": True, "by_consent": False,
                "for_homeowners": True, "approved_by_vendor": False,
                "secrets": [
                    {"name": "key_id", "label": "Key ID", "help": "A number of 19 digits.", "is_secret": False},
                    {"name": "key_secret", "label": "Key secret", "help": "Shown next to it.", "is_secret": True},
                ],
            }
        ],
        "reading": {
            "resources": ["inverterDay"], "interval_s": 600, "window_s": 86400, "late_data_s": 7200,
            "history_s": 172800, "longest_gap_s": 604800,
        },
        "health": {"up": True, "since": None},
    }  # fmt: skip


class Vendors(Endpoint):
    """Vendors: those that we read, and those whose keys partners may have already."""

    required_scope = scopes.GATEWAYS_READ
    serializer_class = VendorDocument
    lookup_field = lookup_url_kwarg = "vendor"
    lookup_value_regex = "[a-z0-9]{1,30}"

    def list(self, request: Request) -> Response:
        """List all vendors, those that are only announced as well."""
        behind = paging.decode(self.query["cursor"], str) if self.query["cursor"] else ""
        left = sorted(choice for choice in vendors.credential_choices() if choice[0] > behind)
        page, now = paging.cut(left, limit=self.query["limit"], position=operator.itemgetter(0)), timezone.now()
        data = [self.document(_shown(slug, label, now)) for slug, label in page.rows]
        return paging.answer(request, data, page.next_cursor)

    def retrieve(self, request: Request, vendor: str) -> Response:  # noqa: ARG002
        """Show one vendor."""
        label = dict(vendors.credential_choices()).get(vendor)
        if label is None:
            raise Http404
        return Response(self.document(_shown(vendor, label, timezone.now())))


def _shown(slug: str, label: str, now: datetime) -> dict[str, Any]:
    ways = [_way_in(slug, way) for way in vendors.schemes(slug)]
    shown = {"id": slug, "label": label, "ways_in": ways}
    if slug not in vendors.VENDORS:
        nothing = {"supported": False, "beta": False, "kinds": [], "countries": [], "reading": None, "health": None}
        return {**shown, **nothing}
    adapter, status = vendors.adapter_class(slug), health.vendor_status(slug, now)
    return {
        **shown, "supported": True, "beta": adapter.beta, "kinds": sorted(adapter.kinds),
        "countries": sorted(adapter.countries), "reading": _reading(adapter.policy, list(adapter.resources)),
        "health": {"up": status.up, "since": status.since},
    }  # fmt: skip


def _way_in(slug: str, way: AuthScheme) -> dict[str, Any]:
    return {
        "type": way.name, "label": str(way.label), "is_used": vendors.is_used(slug, way.name),
        "by_consent": isinstance(way, OAuth2Code), "for_homeowners": way.for_homeowners,
        "approved_by_vendor": way.approved_by_vendor,
        "secrets": [
            {"name": field.name, "label": str(field.label), "help": str(field.help_text), "is_secret": field.secret}
            for field in way.fields
        ],
    }  # fmt: skip


def _reading(policy: PullPolicy, resources: list[str]) -> dict[str, Any]:
    return {
        "resources": resources,
        "interval_s": round(policy.interval.total_seconds()),
        "window_s": round(policy.window_cap.total_seconds()),
        "late_data_s": round(policy.lookback.total_seconds()),
        "history_s": round(policy.first_lookback.total_seconds()),
        "longest_gap_s": round(policy.max_lookback.total_seconds()),
    }
