"""Pages of sites, live from several vendors at once.

A page holds the sites behind its cursor, and only those are described. What is missing is named in the errors, a vendor
as a whole or some of its sites, so that nobody takes a part for all.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from gateways.models import Partner
from gateways.rest import paging
from gateways.rest.problems import Problem
from ingest import windows
from ingest.adapters import Clock
from ingest.models import Connection, System
from ingest.passthrough import accounts, fanout, ids
from ingest.passthrough.accounts import Account, Found
from ingest.passthrough.headers import Brought
from ingest.vendors.base import VendorAdapter, VendorSystem

_SHOWN = ("type", "title", "status", "detail", "fault")


@dataclass
class Listing:
    """A page: sites by vendor, what went wrong by vendor, and where the next page begins."""

    sites: list[tuple[str, VendorSystem]] = field(default_factory=list)
    errors: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    problem: Problem | None = None
    """the first that went wrong, for who takes all or nothing"""
    next_cursor: str | None = None

    def add(self, account: Account, found: Found) -> None:
        """Take up what was found, and name the sites that the vendor refuses to tell of."""
        self.sites += [(account.vendor, account.shown(system)) for system in found.systems]
        for system_id, error in found.refused.items():
            self.fail(account.vendor, account.scrubbed(fanout.told(error)), [system_id])

    def fail(self, vendor: str, problem: Problem, systems: list[str] | None = None) -> None:
        """Name a problem of a vendor: of these systems alone, or of all it has. The same of others is told once."""
        self.problem = self.problem or Problem(problem.slug, f"{vendor}: {problem.detail}", headers=problem.headers)
        document, known = problem.document(), self.errors.setdefault(vendor, [])
        told = {name: document[name] for name in _SHOWN}
        if "Retry-After" in problem.headers:
            told["retry_after"] = int(problem.headers["Retry-After"])
        entry = next((one for one in known if one == {**told, "sites": one["sites"]}), None)
        if entry is None:
            known.append(entry := {**told, "sites": []})
        entry["sites"] += [ids.encode(ids.Native(vendor, system_id)) for system_id in systems or ()]


def of_brought(
    brought: Mapping[str, Brought | Problem], partner: Partner, *, cursor: str, limit: int, clock: Clock, until: float
) -> Listing:
    """Return a page of what the vendors tell to whoever has this access, in the order of vendor and native id.

    Raises Problem for a cursor that is none of ours.
    """
    behind = _position(cursor)
    page = Listing()
    for vendor, way in brought.items():
        if isinstance(way, Problem):
            page.fail(vendor, way)
    asked = {name: Account(name, partner, way) for name, way in brought.items() if isinstance(way, Brought)}
    listed = _listed(page, asked, clock, until)
    sites = {(vendor, site.external_id): site for vendor, (_, found) in listed.items() for site in found}
    places = paging.cut(sorted(place for place in sites if place > behind), limit=limit, position=list)
    page.next_cursor = places.next_cursor
    of_vendor: dict[str, list[VendorSystem]] = defaultdict(list)
    for place in places.rows:
        of_vendor[place[0]].append(sites[place])
    questions = {name: functools.partial(accounts.described, listed[name][0], some) for name, some in of_vendor.items()}
    for vendor, answer in fanout.ask(questions, until=until).items():
        if isinstance(answer, Problem):
            page.fail(vendor, asked[vendor].scrubbed(answer))
        else:
            page.add(asked[vendor], answer)
    return page


def of_partner(rows: QuerySet[System], *, cursor: str, limit: int, clock: Clock, until: float) -> Listing:
    """Return a page of systems of the partner's own accounts, each as its vendor tells of it now.

    An account that fails is named with its sites: the vendor's other accounts go on. Raises Problem for a bad cursor.
    """
    known = paging.of_rows(rows, cursor=cursor, limit=limit)
    of_account: dict[Connection, list[System]] = defaultdict(list)
    for row in known.rows:
        of_account[row.connection].append(row)
    asked = {
        connection: functools.partial(_looked_up, _account(connection), systems, clock, until)
        for connection, systems in of_account.items()
    }
    page = Listing(next_cursor=known.next_cursor)
    for connection, answer in fanout.ask(asked, until=until).items():
        if isinstance(answer, Problem):
            page.fail(connection.vendor, answer, [row.external_id for row in of_account[connection]])
        else:
            page.add(_account(connection), answer)
    return page


def _listed(
    page: Listing, asked: Mapping[str, Account], clock: Clock, until: float
) -> dict[str, tuple[VendorAdapter, list[VendorSystem]]]:
    """Ask each vendor for its list; those that fail are named on the page."""

    def systems(account: Account) -> tuple[VendorAdapter, list[VendorSystem]]:
        adapter = account.opened(clock=clock, until=until)
        return adapter, adapter.systems()

    listed = {}
    questions = {vendor: functools.partial(systems, account) for vendor, account in asked.items()}
    for vendor, answer in fanout.ask(questions, until=until).items():
        if isinstance(answer, Problem):
            page.fail(vendor, asked[vendor].scrubbed(answer))
        else:
            listed[vendor] = answer
    return listed


def _looked_up(account: Account, systems: list[System], clock: Clock, until: float) -> Found:
    known = [windows.described(system) for system in systems]
    return accounts.looked_up(account.opened(clock=clock, until=until), known)


def _account(connection: Connection) -> Account:
    return Account(connection.vendor, connection.partner, connection)


def _position(cursor: str) -> tuple[str, str]:
    match paging.decode(cursor, list) if cursor else ["", ""]:
        case [str(vendor), str(system)]:
            return vendor, system
    raise paging.unknown()
