"""What every registered adapter keeps to, over its declarations and its fixture folder.

`tests/fixtures/vendors/<slug>/<case>/<resource>.json` is a reply, with "_" for the "/" of a resource. A `case.json`
may give `timezone`, `ders` ([[kind, serial]]) and what must come out of the reply: `readings` and `dropped`, or the
error class it `raises`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest import vendors
from ingest.readings import DerKey, Kind, Reading
from ingest.vendors import errors
from ingest.vendors.base import ApiKey, AuthScheme, Dropped, Page, VendorAdapter, VendorDer, VendorSystem
from ingest.vendors.solaredge import SolarEdge
from sandbox.server import CLOUDS

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures/vendors"
GARBAGE: list[Any] = [None, "", "<html>Service Unavailable</html>", 42, True, {}, [42], [[]]]
STRANGE: list[Any] = [
    [],
    [{}],
    {"": None},
    {"data": None},
    {"data": {"": [{}]}},
    {"values": [{}]},
    {"error": {"code": 1}},
]

Adapter = type[VendorAdapter]
Normalized = list[tuple[DerKey, Reading]]


@dataclass(frozen=True)
class Case:
    adapter: Adapter
    page: Page
    expected: dict[str, Any]

    @property
    def system(self) -> VendorSystem:
        ders = [VendorDer(DerKey(Kind(kind), sn)) for kind, sn in self.expected.get("ders", [])]
        return VendorSystem("1001", timezone=self.expected.get("timezone", "UTC"), ders=ders)


def adapters() -> list[Any]:
    return [pytest.param(vendors.adapter_class(slug), id=slug) for slug in vendors.VENDORS]


def cases() -> Iterator[Any]:
    for slug in vendors.VENDORS:
        adapter = vendors.adapter_class(slug)
        resources = {resource.replace("/", "_"): resource for resource in adapter.resources}
        for reply in sorted((FIXTURES / slug).glob("*/*.json")):
            if reply.name != "case.json":
                beside = reply.with_name("case.json")
                expected = json.loads(beside.read_bytes()) if beside.exists() else {}
                page = Page(resources[reply.stem], json.loads(reply.read_bytes()))
                yield pytest.param(Case(adapter, page, expected), id=f"{slug}-{reply.parent.name}-{reply.stem}")


def check_declarations(slug: str, adapter: Adapter) -> None:
    assert adapter.slug == slug
    assert adapter.label
    assert adapter.kinds
    assert adapter.kinds <= frozenset(Kind)
    assert adapter.base_urls
    assert all(url.startswith("https://") and not url.endswith("/") for url in adapter.base_urls.values())
    assert adapter.resources
    assert len(set(adapter.resources)) == len(adapter.resources)
    assert inspect.ismethod(adapter.normalize), "normalize is a class method: it cannot talk"


def check_schemes(adapter: Adapter) -> None:
    assert len({scheme.name for scheme in adapter.schemes}) == len(adapter.schemes)
    for scheme in adapter.schemes:
        assert scheme.name
        assert scheme.label
        check_fields(scheme)


def check_fields(auth: AuthScheme) -> None:
    names = [field.name for field in auth.fields]
    assert names
    assert len(set(names)) == len(names)
    assert all(field.label for field in auth.fields)
    assert any(field.secret for field in auth.fields)
    assert auth.help_steps


def check_policy(adapter: Adapter) -> None:
    policy = adapter.policy
    assert timedelta() < policy.interval <= policy.window_cap
    assert timedelta() < policy.lookback <= policy.max_lookback
    assert policy.first_lookback > timedelta()
    assert policy.page_budget > 0
    assert policy.quotas
    assert all(quota.limit > 0 and quota.period > timedelta() for quota in policy.quotas)


def check_garbage(adapter: Adapter, resource: str, body: Any) -> None:
    """A reply that is nothing we know is refused as such; any other exception would be our own fault."""
    with pytest.raises(errors.VendorReplyInvalid):
        list(adapter.normalize(VendorSystem("1001"), Page(resource, body), Dropped()))


def check_strange(adapter: Adapter, resource: str, body: Any) -> None:
    """Of a vendor with bare lists and objects these may be empty replies; nothing may be read from them."""
    try:
        readings = list(adapter.normalize(VendorSystem("1001"), Page(resource, body), Dropped()))
    except errors.VendorReplyInvalid:
        return
    assert readings == []


def check_readings(adapter: Adapter, readings: Normalized) -> None:
    for key, reading in readings:
        assert key.kind in adapter.kinds
        assert key.sn
        assert key.sn.strip() == key.sn
        assert reading.ts.tzinfo is UTC
        assert not reading.is_empty
        assert key.kind is not Kind.PV or (reading.power_w or 0) <= 0
        assert key.kind is not Kind.PV or reading.soc is None
        assert str(reading.power_w) != "-0.0"


@pytest.mark.parametrize("slug", vendors.VENDORS)
def test_an_adapter_declares_what_it_is_and_how_it_wants_to_be_asked(slug):
    adapter = vendors.adapter_class(slug)
    check_declarations(slug, adapter)
    check_schemes(adapter)
    check_policy(adapter)


@pytest.mark.parametrize("slug", vendors.VENDORS)
def test_a_vendor_has_a_stand_in_and_fixtures(slug):
    assert slug in CLOUDS
    assert list((FIXTURES / slug).glob("*/*.json"))


@pytest.mark.parametrize("body", GARBAGE, ids=repr)
@pytest.mark.parametrize("adapter", adapters())
def test_garbage_is_refused_whatever_was_asked_for(adapter, body):
    for resource in adapter.resources:
        check_garbage(adapter, resource, body)


@pytest.mark.parametrize("body", STRANGE, ids=repr)
@pytest.mark.parametrize("adapter", adapters())
def test_what_could_be_a_reply_is_refused_or_gives_nothing(adapter, body):
    for resource in adapter.resources:
        check_strange(adapter, resource, body)


@pytest.mark.parametrize("case", [*cases()])
def test_a_reply_gives_true_readings_and_those_that_are_expected(case):
    dropped = Dropped()
    if "raises" in case.expected:
        with pytest.raises(getattr(errors, case.expected["raises"])):
            list(case.adapter.normalize(case.system, case.page, dropped))
        return
    readings = list(case.adapter.normalize(case.system, case.page, dropped))
    check_readings(case.adapter, readings)
    if "readings" in case.expected:
        found = [{"ders": str(key.kind), "sn": key.sn, **reading.as_dict()} for key, reading in readings]
        assert found == case.expected["readings"]
        assert dropped.count == case.expected.get("dropped", 0), dropped.reasons


class Careless(SolarEdge):
    """Breaks what it can: the wrong slug, a positive PV, a KeyError for garbage, no quota and no help."""

    slug = "careful"
    base_urls = {"api": "http://example.org/"}
    schemes = (ApiKey(name="", label="", fields=()),)
    policy = replace(SolarEdge.policy, quotas=())

    @classmethod
    def normalize(cls, system: Any, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:  # noqa: ARG003
        yield DerKey(Kind.PV, "1"), Reading(page.body["ts"], power_w=1.0)


def test_the_suite_catches_a_careless_adapter():
    page = Page("power", {"ts": datetime(2026, 6, 10, 12, tzinfo=UTC)})
    with pytest.raises(AssertionError):
        check_declarations("careless", Careless)
    with pytest.raises(AssertionError):
        check_schemes(Careless)
    with pytest.raises(AssertionError):
        check_policy(Careless)
    with pytest.raises(KeyError):
        check_garbage(Careless, "power", {})
    with pytest.raises(KeyError):
        check_strange(Careless, "power", {})
    with pytest.raises(AssertionError):
        check_strange(Careless, "power", page.body)
    with pytest.raises(AssertionError):
        check_readings(Careless, list(Careless.normalize(None, page, Dropped())))
