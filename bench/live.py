"""Asks the API for sites: of five vendors that are as slow as they are told to be, or of one of them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.test import Client

import bench.portal  # noqa: F401  before the models
from bench import role
from gateways.models import Partner
from gateways.oauth import scopes
from ingest import vendors
from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.base import (
    ApiKey,
    Dropped,
    Field,
    HeaderForm,
    Page,
    PassThrough,
    PullPolicy,
    Refused,
    VendorAdapter,
    VendorDer,
    VendorSystem,
    Window,
)
from ingest.vendors.http import read_json
from tests.api import calling

_HOUR = timedelta(hours=1)


class Slow(VendorAdapter):
    """Lists sites by one call and describes each by another."""

    label, kinds, base_urls = "Slow", frozenset(Kind), {"api": ""}
    schemes = (ApiKey("key", "Key", (Field("key", "Key"),), passed=PassThrough(HeaderForm.KEY, fields=("key",))),)
    policy = PullPolicy(interval=_HOUR, window_cap=_HOUR, lookback=_HOUR, max_lookback=_HOUR, first_lookback=_HOUR)
    resources = ()

    def systems(self) -> list[VendorSystem]:
        return [VendorSystem(str(number), described=False) for number in read_json(self._get())]

    def describe(self, system: VendorSystem) -> VendorSystem:
        self._get()
        return VendorSystem(system.external_id, ders=[VendorDer(DerKey(Kind.PV, system.external_id))])

    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page | Refused]:
        raise NotImplementedError

    @classmethod
    def normalize(cls, system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        raise NotImplementedError

    def _get(self) -> Any:
        return self.http.send("GET", f"{self.urls['api']}/{self.slug}")


def answer(*, ask: list[str]) -> dict[str, float]:
    """Return how long a page of sites took, in seconds, and how many sites were on it."""
    began = time.perf_counter()
    page = _api.get("/api/v1/sites", headers={f"X-Authorization-{vendor}": "key" for vendor in ask}).json()
    if page["errors"]:
        msg = f"vendors failed: {page['errors']}"
        raise RuntimeError(msg)
    return {"seconds": time.perf_counter() - began, "sites": len(page["data"])}


def _token() -> str:
    partner = Partner.objects.create(name="Bench", slug="bench", environment=Partner.Environment.PRODUCTION)
    return calling.backend(partner, scopes.PASSTHROUGH, requests_per_minute=100_000).token


if __name__ == "__main__":
    for name in os.environ["BENCH_SLOW"].split():
        setattr(sys.modules[__name__], name, type(name, (Slow,), {"slug": name}))
        vendors.VENDORS[name] = f"__main__.{name}"
    _api = Client(headers={"Authorization": f"Bearer {_token()}", "Host": "localhost"})
    role.serve(answer)
