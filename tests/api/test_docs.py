"""docs/api.md is true: its commands work one after the other, its numbers are ours."""

from __future__ import annotations

import base64
import re
import shlex
from functools import reduce
from string import Template
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from gateways import crypto_api
from gateways.oauth import clients, scopes
from gateways.rest import idempotency, paging, versions
from ingest import adapters, discovery
from ingest.api import windows
from ingest.models import Connection
from ingest.passthrough import fanout
from tests.admin.conftest import make_fleet
from tests.api.calling import backend
from tests.clouds import clouds, running_clouds
from tests.factories import NOW

pytestmark = pytest.mark.once

__all__ = ["clouds", "running_clouds"]

DOCS = (settings.BASE_DIR / "docs" / "api.md").read_text()
_COMMAND = re.compile(
    r"(?:(?P<name>\w+)=\$\()?(?P<curl>curl .*?)(?: \| jq -r (?P<path>\S+?)\))?(?: # (?P<status>\d+))?"
)


class Shell:
    """Does what the lines of a page say: curl asks the portal, jq picks a member out of the answer."""

    def __init__(self, **variables: str) -> None:
        self.variables = variables
        self.browser = Browser(enforce_csrf_checks=True)

    def run(self, line: str) -> None:
        found = _COMMAND.fullmatch(line)
        if found is None:
            name, value = line.split("=", 1)
            self.variables.setdefault(name, value)
            return
        answer = self.curl(shlex.split(Template(found["curl"]).substitute(self.variables))[1:])
        expected = [int(found["status"])] if found["status"] else [200, 201]
        assert answer.status_code in expected, (line, answer.content)
        if found["path"]:
            self.variables[found["name"]] = picked(answer.json(), found["path"])

    def curl(self, words: list[str]) -> Any:
        headers, method, body, url = {}, "", None, ""
        given = iter(words)
        for word in given:
            match word:
                case "-s":
                    pass
                case "-X":
                    method = next(given)
                case "-d":
                    body = next(given)
                case "-u":
                    headers["Authorization"] = f"Basic {base64.b64encode(next(given).encode()).decode()}"
                case "-H":
                    name, _, headers[name] = next(given).partition(": ")
                case _:
                    url = word
        kind = headers.pop("Content-Type", "application/x-www-form-urlencoded")
        method = method or ("GET" if body is None else "POST")
        path = url.removeprefix(self.variables["PORTAL"])
        return self.browser.generic(method, path, body or "", kind, headers=headers)


def picked(answer: Any, path: str) -> str:
    steps = re.findall(r"\w+", path)
    return str(reduce(lambda part, step: part[int(step)] if step.isdecimal() else part[step], steps, answer))


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)
    return [line for block in blocks for line in re.sub(r" *\\\n *", " ", block).splitlines()]


@pytest.mark.django_db
def test_every_command_works_after_those_before_it(clouds):
    fleet = make_fleet(environment="sandbox")
    client, secret = clients.create_backend(
        partner=fleet.partner, name="Backend", allowed_scopes=scopes.BACKENDS, by="test", now=NOW
    )
    shell = Shell(PORTAL="http://testserver", CLIENT_ID=client.client_id, CLIENT_SECRET=secret, DAY="2026-06-15")
    told = commands()
    assert len(told) > 25
    for line in told:
        if "$ACCOUNT" in line:
            a_worker_looks_around(Connection.objects.get(uid=shell.variables["ACCOUNT"]))
        shell.run(line)


def a_worker_looks_around(account: Connection) -> None:
    """Do what the page says takes a few seconds."""
    now = timezone.now()
    discovery.discover(account, adapters.open_account(account, clock=timezone.now), now)


@pytest.mark.django_db
def test_what_a_gateway_signed_is_verified_as_the_page_says(monkeypatch):
    fleet = make_fleet(environment="sandbox")
    (verifier,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    page: dict[str, Any] = {}
    exec(verifier, page)  # noqa: S102  our own page
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda self: Browser().get(urlsplit(self.uri).path).json())
    path = f"gateways/{fleet.gateway.serial}/energy"
    token = backend(fleet.partner).get(path, {"date": "2026-06-15", "format": "jwt"}).content.decode()
    claims = page["measured"](token, settings.PUBLIC_URL, fleet.gateway.serial)
    assert (claims["date"], len(claims["data"])) == ("2026-06-15", 1)
    with pytest.raises(jwt.InvalidTokenError):
        page["measured"](token, "https://another.example", fleet.gateway.serial)


@pytest.mark.once
def test_every_scope_is_named():
    table = DOCS.partition("| Scope |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([^`]+)`", table)) == set(scopes.ALL)


@pytest.mark.once
def test_the_limits_are_ours():
    for said in (
        f"| {clients._RATE} a minute",
        f"| {crypto_api._MOST_A_MINUTE} a minute",
        f"| {paging.DEFAULT_LIMIT}, at most {paging.MAX_LIMIT};",
        f"| {windows.MONTH.days} days; statistics by day or month {windows.YEAR.days}",
        f"kept for {idempotency.KEPT_FOR.days * 24} hours",
        f"| {fanout.PATIENCE_S:.0f} s |",
    ):
        assert said in DOCS, said


@pytest.mark.once
def test_every_version_has_its_place_in_the_log_of_changes():
    log = DOCS.partition("\n## Versions\n")[2]
    assert tuple(re.findall(r"^### (\S+)$", log, re.MULTILINE)) == tuple(reversed(versions.VERSIONS))
